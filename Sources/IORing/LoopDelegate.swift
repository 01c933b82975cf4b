// SPDX-License-Identifier: Apache-2.0

/// What a loop drives: the object that began the operations and learns how they ended.
///
/// Loop-affine: every function is called on the loop's thread, never while another one is running. None may
/// block; what they take is time that all connections of the loop wait. The loop holds the delegate until
/// it has ended.
public protocol LoopDelegate: AnyObject {
    /// An operation of the delegate completed.
    ///
    /// A completion with a `bufferID` hands over a receive buffer: return it even if the token is stale.
    func completed(_ completion: Completion)

    /// The entry `index` of `Loop.timers` came due; it is out of the wheel before this is called.
    func timerExpired(_ index: UInt32)

    /// About a second has passed since the last call, while the loop has had something to wait for.
    ///
    /// A loop without a scheduled timer sleeps until it is woken, and calls this then.
    func tick(_ now: MonotonicTime)

    /// The last call of an iteration, after completions, timers and ready jobs: queue what they left to send.
    func flush()

    /// `Loop.stop()` was called: cancel tasks and let go of what waits.
    ///
    /// What is then still in flight is cancelled by the loop, and its completions come as usual.
    func stopping()

    /// The last call of all: nothing is in flight and no job is left; the loop's thread is about to end.
    ///
    /// Descriptors may still be closed, but nothing that is begun now is told to complete. After two seconds the
    /// loop ends in any case: look at `Loop.operationsInFlight` before memory given to the kernel is freed.
    func stopped()
}

extension LoopDelegate {
    /// Does nothing.
    public func tick(_ now: MonotonicTime) {}

    /// Does nothing.
    public func flush() {}

    /// Does nothing.
    public func stopping() {}

    /// Does nothing.
    public func stopped() {}
}
