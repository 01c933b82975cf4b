// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures

/// The stream below a socket, where several tasks may use it: one reads, one writes, any closes.
@safe
struct WebSocketStream: Sendable {
    // SAFETY: a stream takes calls from any thread, as it hops to its loop by itself.
    private nonisolated(unsafe) let stream: any HTTPDuplexStream

    init(_ stream: any HTTPDuplexStream) { unsafe self.stream = stream }

    func read(upTo byteCountMax: Int) async throws -> [UInt8] {
        try await unsafe stream.read(upTo: byteCountMax)
    }

    func write(_ bytes: [UInt8]) async throws { try await unsafe stream.write(bytes) }

    func close() async { await unsafe stream.close() }

    /// Ends both directions, so that whoever receives learns of it.
    func abandon() async { await unsafe stream.abandon() }
}
