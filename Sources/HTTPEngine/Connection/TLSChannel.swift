// SPDX-License-Identifier: Apache-2.0

import HTTPSecure
import HTTPWire
import IORing

/// TLS on one connection: its engine, and ciphertext on its way out.
///
/// Loop-affine, but for the time that a signature is made on another thread: the loop then leaves it alone.
final class TLSChannel: TLSOutput {
    private(set) var engine: TLSEngine?
    private var lent: UnsafeMutableRawBufferPointer?
    /// Records that the socket has not been given yet.
    @exclusivity(unchecked) var ciphertext = OutputBuffer(capacity: 0)
    /// What arrived while another thread has the engine.
    @exclusivity(unchecked) var heldInput: [UInt8] = []
    @exclusivity(unchecked) var isOffloaded = false
    /// Whether the handshake is done and the connection's protocol chosen.
    @exclusivity(unchecked) var isEstablished = false
    /// What handlers were told of the connection.
    @exclusivity(unchecked) var facts: TLSFacts?
    /// Whether nothing more may be encrypted: the end was announced, or an alert sent.
    @exclusivity(unchecked) var isEnded = false

    /// Begins the server's side of a handshake.
    init(context: TLSServerContext, addresses: ConnectionAddresses, withholdsHTTP2: Bool) throws {
        engine = try TLSEngine(
            context: context,
            output: self,
            address: TLSAddress(addresses.local),
            port: addresses.local.port,
            withholdsHTTP2: withholdsHTTP2
        )
    }

    deinit {
        engine = nil
        lent?.deallocate()
    }

    /// Lends the engine a copy of what arrived, which stays while another thread may have the engine.
    func lendCopy(of bytes: UnsafeRawBufferPointer) {
        endLending()
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyMemory(from: bytes)
        lent = copy
        engine?.receive(UnsafeRawBufferPointer(copy))
    }

    /// The engine has used up what it was lent.
    func endLending() {
        lent?.deallocate()
        lent = nil
    }

    func appendCiphertext(_ bytes: UnsafeRawBufferPointer) { ciphertext.append(bytes) }
}
