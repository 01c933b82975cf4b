// SPDX-License-Identifier: Apache-2.0

import HTTP2
import TestKit

extension Server {
    /// Hands over raw frames after preface and settings, and returns what the session sends.
    func exchangeRaw(_ bytes: [UInt8]) -> [SentFrame] {
        receive(bytes)
        return SentFrame.all(bytesToSend())
    }

    /// A server that has got the client's preface and acknowledgement.
    static func opened(_ limits: HTTP2Limits = HTTP2Limits()) -> Server {
        let server = Server(limits)
        server.receive(Raw.opening)
        _ = server.bytesToSend()
        server.receive(Raw.settingsAcknowledgement)
        return server
    }
}
