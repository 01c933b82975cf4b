// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a check found, and in words why where it is not healthy.
struct HealthResult: Sendable {
    var status: HealthStatus
    var reason: String?
}

/// Runs one check, at most once at a time: who asks while it runs waits for the same result.
///
/// A check that does not heed its cancellation costs one task, however often it is asked.
final class HealthCheckRun: Sendable {
    private struct State {
        /// Counts the runs, so that the timer of an earlier one does not end a later.
        var run = 0
        var isRunning = false
        var isOverdue = false
        var waiters: [CheckedContinuation<HealthResult, Never>] = []
    }

    let check: HealthCheck
    private let sleep: @Sendable (Duration) async throws -> Void
    private let state = Mutex(State())
    private static let overdue = HealthResult(status: .unhealthy, reason: "timed out")

    init(_ check: HealthCheck, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.check = check
        self.sleep = sleep
    }

    func result() async -> HealthResult {
        await withCheckedContinuation { continuation in
            let (isOverdue, newRun): (Bool, Int?) = state.withLock { state in
                if state.isOverdue { return (true, nil) }
                state.waiters.append(continuation)
                if state.isRunning { return (false, nil) }
                state.isRunning = true
                state.run += 1
                return (false, state.run)
            }
            if isOverdue { continuation.resume(returning: Self.overdue) }
            if let newRun { start(newRun) }
        }
    }

    private func start(_ run: Int) {
        let work = Task { [self] in
            var result: HealthResult
            do {
                result = HealthResult(status: try await check.body())
            } catch {
                // The error itself may hold what strangers should not see; it is the application's to log.
                result = HealthResult(status: .unhealthy, reason: "failed")
            }
            finish(result)
        }
        let timer = Task { [self] in
            guard (try? await sleep(check.timeout)) != nil else { return }
            if expire(run) { work.cancel() }
        }
        Task {
            await work.value
            timer.cancel()
        }
    }

    private func finish(_ result: HealthResult) {
        let waiters = state.withLock { state in
            let waiters = state.waiters
            state = State(run: state.run)
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }

    /// Answers those who wait; false where the run has ended.
    private func expire(_ run: Int) -> Bool {
        let waiters: [CheckedContinuation<HealthResult, Never>]? = state.withLock { state in
            guard state.isRunning, state.run == run else { return nil }
            let waiters = state.waiters
            state.waiters = []
            state.isOverdue = true
            return waiters
        }
        guard let waiters else { return false }
        for waiter in waiters { waiter.resume(returning: Self.overdue) }
        return true
    }
}
