// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Data")
struct DataTests {
    private static func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    }

    @Test("A mebibyte arrives whole in both directions", arguments: VersionCase.all)
    func mebibyte(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions).run()
        let bytes = Self.pattern(1 << 20)
        connection.client.write(bytes)
        connection.run()
        #expect(connection.plaintext == bytes)
        #expect(connection.write(bytes))
        connection.run()
        #expect(connection.client.read() == bytes)
    }

    @Test("Writes become full records of 16 KiB (RFC 8446 §5.1)")
    func recordSizes() throws {
        let connection = try TestConnection(Fixture.context()).run()
        #expect(connection.write(Self.pattern(40_000)))
        var sizes: [Int] = []
        var rest = connection.output.bytes[...]
        while rest.count >= 5 {
            let size = Int(rest[rest.startIndex + 3]) << 8 | Int(rest[rest.startIndex + 4])
            sizes.append(size)
            rest = rest.dropFirst(5 + size)
        }
        #expect(rest.isEmpty)
        #expect(sizes == [16384 + 17, 16384 + 17, 40_000 - 32768 + 17])
    }

    @Test("Records that are torn anywhere are put together again", arguments: VersionCase.all)
    func tornRecords(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions).run()
        for piece in [1, 2, 3, 4, 5, 6, 7, 100, 1000] {
            connection.plaintext = []
            connection.pieceByteCount = piece
            let bytes = Self.pattern(700)
            connection.client.write(Array(bytes[..<300]))
            connection.client.write(Array(bytes[300...]))
            connection.run()
            #expect(connection.plaintext == bytes, "pieces of \(piece)")
        }
    }

    @Test("A small buffer gets a record in parts", arguments: [1, 7, 100, 16383])
    func smallBuffer(size: Int) throws {
        let connection = try TestConnection(Fixture.context()).run()
        let bytes = Self.pattern(16384)
        connection.client.write(bytes)
        let ciphertext = connection.client.takeOutput()
        var plaintext: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: size)
        ciphertext.withUnsafeBytes { ciphertext in
            connection.engine.receive(ciphertext)
            while case .plaintext(let count) = buffer.withUnsafeMutableBytes({
                connection.engine.read(into: $0)
            }) {
                plaintext += buffer[..<count]
            }
        }
        #expect(plaintext == bytes)
        #expect(connection.engine.unreadByteCount == 0)
        #expect(connection.engine.pendingByteCount == 0)
    }

    @Test("close_notify ends each direction by itself (RFC 8446 §6.1)", arguments: VersionCase.all)
    func closeNotify(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions).run()
        connection.client.write(Array("last".utf8))
        connection.client.closeNotify()
        connection.run()
        #expect(connection.plaintext == Array("last".utf8))
        #expect(connection.hasEnded)
        #expect(connection.write(Array("answer".utf8)))
        connection.engine.closeNotify()
        connection.engine.closeNotify()
        #expect(!connection.write([1]))
        connection.run()
        #expect(connection.client.read() == Array("answer".utf8))
        #expect(connection.client.hasEnded)
    }

    @Test("Reading goes on after our own close_notify")
    func readAfterClose() throws {
        let connection = try TestConnection(Fixture.context()).run()
        connection.engine.closeNotify()
        connection.client.write(Array("more".utf8))
        connection.deliver(connection.client.takeOutput())
        #expect(connection.plaintext == Array("more".utf8))
    }

    @Test("Nothing can be written before the handshake is over")
    func writeTooEarly() throws {
        let connection = try TestConnection(Fixture.context())
        #expect(!connection.write([1]))
        connection.engine.closeNotify()
        #expect(connection.output.bytes.isEmpty)
    }

    @Test(
        "A record that was changed on its way ends the connection with bad_record_mac",
        arguments: VersionCase.all
    )
    func tampered(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions).run()
        connection.client.write(Self.pattern(100))
        var bytes = connection.client.takeOutput()
        bytes[50] ^= 1
        connection.deliver(bytes)
        #expect(connection.failure?.code == .badRecord)
        #expect(connection.failure?.alertSent == 20)
        #expect(connection.plaintext.isEmpty)
        #expect(!connection.write([1]))
    }

    @Test("A record sent twice ends the connection", arguments: VersionCase.all)
    func replayed(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context(), version.clientOptions).run()
        connection.client.write([1, 2, 3])
        let bytes = connection.client.takeOutput()
        connection.deliver(bytes)
        connection.deliver(bytes)
        #expect(connection.plaintext == [1, 2, 3])
        #expect(connection.failure?.code == .badRecord)
    }

    @Test("New keys are taken and given in answer (RFC 8446 §4.6.3)")
    func keyUpdate() throws {
        let connection = try TestConnection(Fixture.context()).run()
        for kind in [SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED] {
            #expect(SSL_key_update(connection.client.ssl, kind) == 1)
            connection.plaintext = []
            connection.client.write(Array("new".utf8))
            connection.run()
            #expect(connection.plaintext == Array("new".utf8))
            #expect(connection.write(Array("keys".utf8)))
            connection.run()
            #expect(connection.client.read() == Array("keys".utf8))
        }
        #expect(connection.failure == nil)
    }

    @Test("Changing keys without end is a flood")
    func keyUpdateFlood() throws {
        let connection = try TestConnection(Fixture.context()).run()
        for _ in 0..<80 where connection.failure == nil {
            SSL_key_update(connection.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED)
            SSL_do_handshake(connection.client.ssl)
            connection.deliver(connection.client.takeOutput())
        }
        #expect(connection.failure?.code == .keyUpdateFlood)
    }

    @Test(
        "Each cipher suite carries data",
        arguments: [
            ("TLS_AES_128_GCM_SHA256", 128), ("TLS_AES_256_GCM_SHA384", 256),
            ("TLS_CHACHA20_POLY1305_SHA256", 256),
        ]
    )
    func suitesTLS13(suite: String, bits: Int) throws {
        let connection = try TestConnection(Fixture.context { $0.cipherSuitesTLS13 = [suite] }).run()
        try exchange(connection, suite, bits)
        #expect(SSL_key_update(connection.client.ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
        try exchange(connection, suite, bits)
    }

    @Test(
        "Each cipher suite of TLS 1.2 carries data",
        arguments: [
            ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 128),
            ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 256),
            ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 256),
        ]
    )
    func suitesTLS12(suite: String, name: String, bits: Int) throws {
        var options = TestClient.Options()
        options.maximumVersion = TLS1_2_VERSION
        let connection = try TestConnection(Fixture.context { $0.cipherSuitesTLS12 = [suite] }, options).run()
        try exchange(connection, name, bits)
    }

    private func exchange(_ connection: TestConnection, _ suite: String, _ bits: Int) throws {
        #expect(connection.engine.cipherSuite == suite)
        #expect(connection.engine.cipherKeyBits == bits)
        for count in [1, 15, 16, 17, 16384, 16385, 50_000] {
            let bytes = Self.pattern(count)
            connection.plaintext = []
            connection.client.write(bytes)
            connection.run()
            #expect(connection.plaintext == bytes)
            #expect(connection.write(bytes))
            connection.run()
            #expect(connection.client.read() == bytes)
        }
    }
}
