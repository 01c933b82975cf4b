// SPDX-License-Identifier: Apache-2.0

import HTTPSecure
import Synchronization

/// Takes an engine's ciphertext.
final class CollectingOutput: TLSOutput {
    var bytes: [UInt8] = []

    func appendCiphertext(_ bytes: UnsafeRawBufferPointer) {
        self.bytes.append(contentsOf: bytes)
    }
}

/// An engine and a client with a wire of memory between them.
final class TestConnection {
    let output = CollectingOutput()
    let engine: TLSEngine
    let client: TestClient
    /// How the client's bytes are cut before the engine gets them; 0 for not at all.
    var pieceByteCount = 0
    var plaintext: [UInt8] = []
    private(set) var offloadCount = 0
    private(set) var failure: TLSFailure?
    private(set) var hasEnded = false

    init(
        _ context: TLSServerContext,
        _ options: TestClient.Options = TestClient.Options(),
        address: TLSAddress? = nil,
        port: UInt16 = 0
    ) throws {
        engine = try TLSEngine(context: context, output: output, address: address, port: port)
        client = TestClient(options)
    }

    /// Moves bytes both ways until neither side has anything to say.
    @discardableResult
    func run() -> Self {
        var isMoving = true
        while isMoving {
            client.advance()
            let forward = client.takeOutput()
            deliver(forward)
            let back = output.bytes
            output.bytes = []
            client.receive(back)
            client.advance()
            isMoving = !forward.isEmpty || !back.isEmpty
        }
        return self
    }

    /// Gives the engine bytes in pieces and reads what comes of them.
    func deliver(_ bytes: [UInt8]) {
        let step = pieceByteCount == 0 ? max(1, bytes.count) : pieceByteCount
        for start in stride(from: 0, to: bytes.count, by: step) {
            Array(bytes[start..<min(start + step, bytes.count)]).withUnsafeBytes { piece in
                engine.receive(piece)
                readAll()
            }
        }
    }

    /// Reads until the engine wants more; an offloaded step runs at once on another thread.
    func readAll() {
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            switch buffer.withUnsafeMutableBytes({ engine.read(into: $0) }) {
            case .plaintext(let count): plaintext += buffer[..<count]
            case .needsInput: return
            case .needsOffload:
                offloadCount += 1
                runOnThread(engine.offloadedStep)
            case .closed:
                hasEnded = true
                return
            case .failed(let failure):
                self.failure = failure
                return
            }
        }
    }

    /// Sends bytes both ways, and whether they arrived.
    func carriesData() -> Bool {
        let (question, answer) = (Array("question".utf8), Array("answer".utf8))
        plaintext = []
        client.write(question)
        run()
        let isWritten = write(answer)
        run()
        return isWritten && plaintext == question && client.read() == answer && failure == nil
    }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { engine.write($0) } }
}
