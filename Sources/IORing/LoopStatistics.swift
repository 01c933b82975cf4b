// SPDX-License-Identifier: Apache-2.0

/// What a loop has counted since it started.
///
/// A copy taken on the loop's thread; the sum over all loops is the caller's to make.
public struct LoopStatistics: Sendable {
    /// Turns of the loop.
    public internal(set) var iterations: UInt64 = 0
    /// Times the kernel was entered; more than `iterations` when the submission queue ran full.
    public internal(set) var enters: UInt64 = 0
    /// Completions taken.
    public internal(set) var completions: UInt64 = 0
    /// Swift jobs run.
    public internal(set) var jobs: UInt64 = 0
    /// Iterations that found the completion queue run over; each is a sign that it is too small.
    public internal(set) var completionOverflows: UInt64 = 0
    /// Receives that ended because no buffer was free.
    public internal(set) var bufferShortages: UInt64 = 0
    /// Times the kernel took no submissions for want of memory.
    public internal(set) var submissionRefusals: UInt64 = 0
    /// Times another thread had to wake the loop.
    public internal(set) var foreignWakes: UInt64 = 0
    /// Operations in flight.
    public internal(set) var inFlight: Int = 0
    /// Sockets whose receive waits for a buffer.
    public internal(set) var starved: Int = 0
    /// Receive buffers in the delegate's hands.
    public internal(set) var buffersLent: Int = 0

    /// Makes counters that are all zero.
    public init() {}
}
