// SPDX-License-Identifier: Apache-2.0

public import Testing

/// Runs each test case on a thread of its own; see `TestThread`.
///
/// Swift's pool has as few threads as the machine has processors. A test that blocks one of them, waiting for a
/// process or a socket, holds up every other test's handlers, and its own where there is only one.
public struct OwnThreadTrait: SuiteTrait, TestTrait, TestScoping {
    /// Suites inside a suite have it too.
    public var isRecursive: Bool { true }

    /// Runs a test case on a new thread.
    public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let thread = TestThread()
        defer { thread.end() }
        try await withTaskExecutorPreference(thread) { @concurrent in try await function() }
    }
}

extension Trait where Self == OwnThreadTrait {
    /// For tests that block: each case on a thread of its own.
    public static var ownThread: Self { Self() }
}
