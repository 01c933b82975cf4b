// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Hostile input")
struct HostileInputTests {
    /// A small generator, so that a failing seed can be tried again.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }

    @Test(
        "HTTP without TLS is known by its first byte and answered with nothing",
        arguments: ["GET / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "CONNECT a:1", "D"]
    )
    func plainHTTP(text: String) throws {
        let connection = try TestConnection(Fixture.context())
        connection.deliver(Array(text.utf8))
        #expect(connection.failure?.code == .plainHTTP)
        #expect(connection.failure?.reason == "http request")
        #expect(connection.output.bytes.isEmpty)
        #expect(connection.engine.unreadByteCount == 0)
    }

    @Test("What is neither TLS nor HTTP is refused")
    func notTLS() throws {
        let connection = try TestConnection(Fixture.context())
        connection.deliver([UInt8](repeating: 0, count: 64))
        #expect(connection.failure?.code == .notTLS)
    }

    @Test("A failed connection stays failed")
    func staysFailed() throws {
        let connection = try TestConnection(Fixture.context())
        connection.deliver(Array("GET /".utf8))
        connection.deliver([1, 2, 3])
        #expect(connection.failure?.code == .plainHTTP)
        #expect(!connection.write([1]))
        connection.engine.closeNotify()
        #expect(connection.output.bytes.isEmpty)
    }

    @Test("Random bytes never crash and end in a failure or in waiting", arguments: 0..<8)
    func random(seed: Int) throws {
        var generator = Generator(state: UInt64(seed))
        let context = try Fixture.context()
        for _ in 0..<100 {
            let connection = try TestConnection(context)
            let count = Int.random(in: 1...600, using: &generator)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if Bool.random(using: &generator), bytes.count > 10 {
                // Something that at least begins like a record with a hello in it.
                bytes.replaceSubrange(0..<6, with: [22, 3, 1, 0, UInt8(bytes.count & 0x7F), 1])
            }
            connection.pieceByteCount = Int.random(in: 0...50, using: &generator)
            connection.deliver(bytes)
            #expect(!connection.engine.isEstablished)
            #expect(connection.plaintext.isEmpty)
        }
    }

    @Test("A handshake with changed bytes never crashes", arguments: VersionCase.all, 0..<4)
    func mutated(version: VersionCase, seed: Int) throws {
        var generator = Generator(state: UInt64(seed))
        let context = try Fixture.context()
        for _ in 0..<60 {
            let connection = try TestConnection(context, version.clientOptions)
            for _ in 0..<4 {
                connection.client.advance()
                var bytes = connection.client.takeOutput()
                guard !bytes.isEmpty else { break }
                for _ in 0..<Int.random(in: 0...2, using: &generator) {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes[place] = UInt8.random(in: 0...255, using: &generator)
                }
                connection.deliver(bytes)
                connection.client.receive(connection.output.bytes)
                connection.output.bytes = []
            }
            if connection.failure != nil {
                #expect(!connection.write([1]))
            }
        }
    }

    @Test("Data with changed bytes never crashes and never becomes plaintext", arguments: VersionCase.all)
    func mutatedData(version: VersionCase) throws {
        var generator = Generator(state: 7)
        let context = try Fixture.context()
        for _ in 0..<40 {
            let connection = try TestConnection(context, version.clientOptions).run()
            connection.client.write([UInt8](repeating: 5, count: 40))
            var bytes = connection.client.takeOutput()
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
            connection.pieceByteCount = Int.random(in: 0...9, using: &generator)
            connection.deliver(bytes)
            #expect(connection.plaintext.isEmpty)
        }
    }

    @Test("Lengths and types that no record has are refused once established", arguments: VersionCase.all)
    func brokenHeaders(version: VersionCase) throws {
        for header: [UInt8] in [
            [23, 3, 3, 0xFF, 0xFF], [23, 3, 3, 0, 0], [23, 3, 3, 0, 16], [99, 3, 3, 0, 40],
            [23, 9, 9, 0, 40],
            [22, 3, 3, 0, 40], [21, 3, 3, 0, 2], [20, 3, 3, 0, 1],
        ] {
            let connection = try TestConnection(Fixture.context(), version.clientOptions).run()
            connection.deliver(header + [UInt8](repeating: 1, count: 70_000))
            #expect(connection.failure != nil, "\(header)")
            #expect(connection.plaintext.isEmpty)
        }
    }

    @Test("A peer's fatal alert is told apart from our own refusal")
    func peerAlert() throws {
        let certificate = TestCertificate("other", key: TestKey(.p256))
        let context = try Fixture.context([Fixture.identity(certificate)])
        let connection = try TestConnection(context).run()
        #expect(connection.client.failure != nil)
        #expect(connection.failure?.code == .peerAlert)
        #expect(connection.failure?.alertReceived != nil)
        #expect(connection.failure?.alertSent == nil)
    }
}
