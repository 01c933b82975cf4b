// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

@Suite("Offloaded signing")
struct OffloadTests {
    @Test(
        "Nothing reaches the output from the other thread, and reading waits for it",
        arguments: VersionCase.all
    )
    func output(version: VersionCase) throws {
        let connection = try TestConnection(Fixture.context([Fixture.rsa]), version.clientOptions)
        connection.client.advance()
        let hello = connection.client.takeOutput()
        var buffer = [UInt8](repeating: 0, count: 1024)
        func read() -> TLSReadResult { buffer.withUnsafeMutableBytes { connection.engine.read(into: $0) } }
        hello.withUnsafeBytes { hello in
            connection.engine.receive(hello)
            guard case .needsOffload = read() else {
                Issue.record("the handshake did not pause")
                return
            }
        }
        #expect(connection.engine.unreadByteCount == 0)
        guard case .needsOffload = read() else {
            Issue.record("reading went on before the step was done")
            return
        }
        runOnThread(connection.engine.offloadedStep)
        #expect(connection.output.bytes.isEmpty)
        guard case .needsInput = read() else {
            Issue.record("the handshake did not go on")
            return
        }
        #expect(connection.output.bytes.count > 500)
        connection.client.receive(connection.output.bytes)
        connection.output.bytes = []
        connection.run()
        #expect(connection.engine.isEstablished)
    }

    @Test("A step without need does nothing, and an engine may go while its step is on its way")
    func lifetimes() throws {
        var connection: TestConnection? = try TestConnection(Fixture.context([Fixture.rsa]))
        connection?.engine.performOffloadedStep()
        let step = connection?.engine.offloadedStep
        connection = nil
        step?.perform()
    }

    @Test(
        "Which keys leave the loop",
        arguments: [(TestKey.Kind.p256, 0), (.p384, 1), (.rsa, 1), (.ed25519, 0)]
    )
    func kinds(kind: TestKey.Kind, offloads: Int) throws {
        let key = kind == .rsa ? TestKey.sharedRSA : TestKey(kind)
        let identity = Fixture.identity(.server("www.example.com", key: key))
        for version in VersionCase.all where kind != .ed25519 || version.number == TLS1_3_VERSION {
            let connection = try TestConnection(Fixture.context([identity]), version.clientOptions).run()
            #expect(
                connection.engine.isEstablished,
                "\(version.name): \(String(describing: connection.failure))"
            )
            #expect(connection.offloadCount == offloads, "\(version.name)")
            #expect(connection.carriesData())
        }
    }

    @Test("Offloading can be turned off")
    func turnedOff() throws {
        let context = try Fixture.context([Fixture.rsa]) { $0.offloadsSlowSigning = false }
        let connection = try TestConnection(context).run()
        #expect(connection.engine.isEstablished)
        #expect(connection.offloadCount == 0)
    }
}
