// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2

/// The stream identifiers a client has used, as far as one must know to tell a late frame from a wrong one.
///
/// nghttp2 ignores a HEADERS frame on a stream it does not know any more. But only after a reset of ours may one
/// still be on its way; on any other stream that is over, or was passed over, it is an error of the connection.
///
/// Source: RFC 9113 §5.1, §5.1.1.
struct StreamNumbers {
    /// The highest identifier so far.
    private(set) var last: Int32 = 0
    private var count: Int32 = 0
    /// Streams that we reset, the latest ones.
    private var resets: [Int32] = []
    private var next = 0
    /// The highest identifier that was dropped from `resets`.
    private var forgotten: Int32 = 0

    private static let resetCountMax = 128

    /// What a HEADERS frame is.
    enum Verdict: Equatable {
        /// It may be in order.
        case fine
        /// The stream was closed, and not by us alone.
        case closed
        /// The identifier is lower than one before it, and was never used.
        case passedOver
    }

    /// Notes the identifier of a HEADERS frame.
    ///
    /// - Parameters:
    ///   - id: the identifier, odd and positive.
    ///   - isOpen: whether the stream is open.
    /// - Returns: what the frame is.
    mutating func headersCame(on id: Int32, isOpen: Bool) -> Verdict {
        if id > last {
            last = id
            count &+= 1
            return .fine
        }
        return isOpen ? .fine : verdict(onClosed: id)
    }

    /// What a HEADERS or DATA frame is on a stream that is not open, of an identifier that is not above the last.
    func verdict(onClosed id: Int32) -> Verdict {
        guard id > forgotten, !resets.contains(id) else { return .fine }
        // Where no identifier was left out, each lower one has been used.
        return count == last / 2 + 1 ? .closed : .passedOver
    }

    /// Notes that we have reset a stream.
    mutating func wasReset(_ id: Int32) {
        guard !resets.contains(id) else { return }
        guard resets.count == Self.resetCountMax else {
            resets.append(id)
            return
        }
        forgotten = max(forgotten, resets[next])
        resets[next] = id
        next = (next + 1) % Self.resetCountMax
    }
}

extension HTTP2Session {
    /// Ends the session where a HEADERS frame has an identifier that it may not have.
    func checkStreamNumber(_ id: Int32) {
        // What is not a client's identifier, nghttp2 judges.
        guard id > 0, id & 1 == 1 else { return }
        guard id <= lastServed else {
            // RFC 9113 §6.8: after the last GOAWAY such frames are ignored, trailer sections among them.
            chargeControlFrame(1)
            return
        }
        if id > streamNumbers.last, openStreamCount >= workspace.limits.concurrentStreamCountMax {
            // nghttp2 refuses it, and its trailer section may be here before that is sent.
            streamNumbers.wasReset(id)
        }
        switch streamNumbers.headersCame(on: id, isOpen: state(of: id) != nil) {
        case .fine: break
        case .closed: condemn(HTTP2SessionEnd(.protocolViolated, .streamClosed))
        case .passedOver: condemn(HTTP2SessionEnd(.protocolViolated, .protocolError))
        }
    }
}
