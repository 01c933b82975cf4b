// SPDX-License-Identifier: Apache-2.0

import TestKit

extension Client {
    /// The lines of a request's head.
    func lines(
        _ method: String,
        _ path: String,
        port: UInt16,
        authority: String? = nil,
        scheme: String? = nil
    ) -> [(String, String)] {
        let scheme = scheme ?? (tls == nil ? "http" : "https")
        let authority = authority ?? "localhost:\(port)"
        return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
    }

    /// Reads a frame; `nil` when the connection ended before it.
    func readFrame() throws -> SentFrame? {
        guard try fill(9) else { return nil }
        let head = take(9)
        guard try fill(SentFrame.payloadByteCount(head)) else {
            throw ClientError.ended(connectionEnd ?? .orderly)
        }
        return SentFrame(head: head, payload: take(SentFrame.payloadByteCount(head)))
    }

    /// Reads frames up to one that fits; throws where the connection ends first.
    @discardableResult
    func readFrames(to fits: (SentFrame) -> Bool) throws -> [SentFrame] {
        var frames: [SentFrame] = []
        while let frame = try readFrame() {
            frames.append(frame)
            if fits(frame) { return frames }
        }
        throw ClientError.ended(connectionEnd ?? .orderly)
    }

    /// Reads all frames up to the end of the connection, and says how that came.
    func readFramesToEnd() throws -> (frames: [SentFrame], end: ConnectionEnd?) {
        var frames: [SentFrame] = []
        while let frame = try readFrame() { frames.append(frame) }
        return (frames, connectionEnd)
    }
}
