// SPDX-License-Identifier: Apache-2.0

import WebSockets

extension Call {
    /// `/ws`: sends each message back as it came, and answers what can't open a socket (RFC 6455 §4.2).
    func webSocket() async throws {
        var compression = WebSocketCompression()
        // Short messages are compressed, too, so that clients are seen to take them.
        compression.minMessageByteCount = 0
        var options = WebSocketOptions()
        options.subprotocols = ["echo"]
        options.maxMessageByteCount = 32 << 20
        options.compression = compression
        try await context.webSocket(options) { socket in
            for try await message in socket.messages {
                try await socket.send(message)
            }
        }
    }
}
