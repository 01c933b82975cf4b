// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

/// What an engine's callbacks from OpenSSL work on; they reach it through the connection's BIO.
///
/// It stands in memory of its own and not in the engine, so that a callback never meets an access in progress.
struct EngineState {
    /// What a callback has found that ends the connection.
    enum Verdict: UInt8 {
        case none
        case noCertificate
        case renegotiation
        case keyUpdateFlood
        case outOfMemory
    }

    // SAFETY: the engine retains the snapshot for as long as this lives, and its owner keeps the output alive.
    let snapshot: Unmanaged<Snapshot>
    unowned(unsafe) let output: any TLSOutput

    // Input: lent by `TLSEngine.receive(_:)` until it is used up.
    var input: UnsafeRawPointer?
    var inputByteCount = 0
    var receivedByteCount: UInt64 = 0

    // Output of an offloaded step, which must not reach `output` from another thread.
    var held: UnsafeMutableRawPointer?
    var heldByteCount = 0
    var heldCapacity = 0

    let address: TLSAddress?
    let port: UInt16
    /// The name in the client's hello, in canonical form, until the handshake is over.
    var helloName: String?
    /// The policy of the site that the connection belongs to; 0 before it has one.
    var policyNumber: UInt64 = 0
    /// Whether HTTP/2 is not to be chosen, whatever the site offers.
    let withholdsHTTP2: Bool
    /// Output is held back, and there is no input: a step runs on another thread.
    var isOffloaded = false
    /// The step that signs may go on, because it runs on another thread or need not.
    var maySign = false
    var isEstablished = false
    var verdict = Verdict.none
    /// The last alert that was sent; 255 for none.
    var alertSent = noAlert
    /// The last alert that was received; 255 for none.
    var alertReceived = noAlert
    var keyUpdateCount: UInt32 = 0

    /// In place of an alert where there was none; no alert has this number.
    static let noAlert = UInt8.max

    init(
        snapshot: Unmanaged<Snapshot>,
        output: any TLSOutput,
        address: TLSAddress?,
        port: UInt16,
        withholdsHTTP2: Bool
    ) {
        self.withholdsHTTP2 = withholdsHTTP2
        self.snapshot = snapshot
        self.output = output
        self.address = address
        self.port = port
    }

    /// Copies input for OpenSSL; returns how much, 0 when there is none.
    @inline(__always)
    mutating func take(_ destination: UnsafeMutableRawPointer, _ capacity: Int) -> Int {
        let count = min(capacity, inputByteCount)
        guard count > 0, let source = input, !isOffloaded else { return 0 }
        memcpy(destination, source, count)
        input = source + count
        inputByteCount &-= count
        return count
    }

    /// Passes a record on, or holds it back.
    @inline(__always)
    mutating func put(_ source: UnsafeRawPointer, _ count: Int) -> Bool {
        guard !isOffloaded else { return hold(source, count) }
        output.appendCiphertext(UnsafeRawBufferPointer(start: source, count: count))
        return true
    }

    /// Keeps output until the loop has the engine again: one flight of a handshake, some KiB.
    private mutating func hold(_ source: UnsafeRawPointer, _ count: Int) -> Bool {
        if heldCapacity - heldByteCount < count {
            let capacity = max(8192, heldByteCount + count)
            guard let larger = realloc(held, capacity) else { return false }
            held = larger
            heldCapacity = capacity
        }
        guard let held else { return false }
        memcpy(held + heldByteCount, source, count)
        heldByteCount += count
        return true
    }

    /// Passes on what was held back.
    mutating func release() {
        guard let held else { return }
        if heldByteCount > 0 {
            output.appendCiphertext(UnsafeRawBufferPointer(start: held, count: heldByteCount))
        }
        drop()
    }

    /// Frees what was held back.
    mutating func drop() {
        free(held)
        (held, heldByteCount, heldCapacity) = (nil, 0, 0)
    }
}

extension UnsafeMutablePointer<EngineState> {
    /// The state of the engine that a connection belongs to.
    @inline(__always)
    init?(of ssl: OpaquePointer?) {
        guard let ssl, let bio = SSL_get_rbio(ssl), let data = BIO_get_data(bio) else { return nil }
        self = data.assumingMemoryBound(to: EngineState.self)
    }
}
