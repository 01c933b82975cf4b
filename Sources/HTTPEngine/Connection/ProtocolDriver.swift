// SPDX-License-Identifier: Apache-2.0

/// The protocol spoken on a connection: HTTP/1.1 today; the seam where others plug in.
///
/// Loop-affine. A driver takes bytes from its connection's input, puts bytes into its output, and says when
/// to close; sockets, buffers and timers stay the connection's business.
protocol ProtocolDriver: AnyObject {
    /// Bytes were added to the connection's input.
    func inputArrived()

    /// The peer will send nothing more; everything it sent is in the input.
    func peerFinished()

    /// The connection is about to close: let go of whatever is in progress.
    func connectionClosing()

    /// Everything in the output was taken by the kernel.
    func outputDrained()

    /// The deadline set with `setPhaseDeadline` has come.
    func deadlineReached()

    /// The iteration ends: put into the output whatever should leave now.
    func prepareOutput()

    /// The connection's input is about to move: copy whatever still points into it.
    func detachFromInput()

    /// The server is stopping: finish what is in progress, then close.
    func beginDrain()
}
