// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport

/// Messages with descriptors over a Unix socket (unix(7), `SCM_RIGHTS`).
///
/// Any thread; none of them waits. One costs about 2 µs, and 1.7 µs more for each descriptor.
public enum DescriptorPassing {
    /// Most descriptors of one message.
    public static let descriptorsMax = Int(QT_DESCRIPTORS_MAX)

    /// Sends bytes, at least one, with descriptors; the sender keeps its own.
    ///
    /// - Throws: `EAGAIN` where the socket takes nothing now; then nothing was sent.
    public static func send(
        _ descriptors: [Int32],
        with bytes: UnsafeRawBufferPointer,
        over socket: Int32
    ) throws(TransportError) {
        guard let base = bytes.baseAddress, descriptors.count <= descriptorsMax else {
            throw TransportError(operation: "sendmsg", code: 22)
        }
        let sent = qt_send_descriptors(socket, base, bytes.count, descriptors, Int32(descriptors.count))
        guard sent == bytes.count else {
            throw TransportError(operation: "sendmsg", code: sent < 0 ? Int32(-sent) : 11)
        }
    }

    /// Receives bytes and at most `descriptorsMax` descriptors, which are then the caller's; more are closed.
    ///
    /// - Returns: how many bytes, 0 at the end.
    /// - Throws: `EAGAIN` where there is nothing now.
    public static func receive(
        into bytes: UnsafeMutableRawBufferPointer,
        descriptors: inout [Int32],
        over socket: Int32
    ) throws(TransportError) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var found = [Int32](repeating: -1, count: descriptorsMax)
        var count: Int32 = 0
        let received = qt_receive_descriptors(
            socket,
            base,
            bytes.count,
            &found,
            Int32(descriptorsMax),
            &count
        )
        guard received >= 0 else { throw TransportError(operation: "recvmsg", code: Int32(-received)) }
        descriptors = Array(found[..<Int(count)])
        return received
    }
}
