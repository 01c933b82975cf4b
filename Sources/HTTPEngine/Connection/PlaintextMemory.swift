// SPDX-License-Identifier: Apache-2.0

/// Memory that a loop decrypts into, shared by its connections.
///
/// Loop-affine.
///
/// A connection's plaintext stays here until the iteration ends; what is not consumed by then moves to memory
/// of the connection's own. So an idle TLS connection holds no plaintext buffer, and a busy one copies nothing.
final class PlaintextMemory {
    /// The most that one record decrypts to (RFC 8446 §5.1), and so what every read has room for.
    static let roomByteCount = 16 << 10
    /// What all connections may use in a turn; tests make it small.
    var byteCountMax = 512 << 10

    private var memory: UnsafeMutableRawPointer?
    private var used = 0

    deinit { memory?.deallocate() }

    /// Room for a record: here, or behind a connection's own input when all is taken.
    func room(orOwnOf connection: Connection) -> UnsafeMutableRawBufferPointer {
        if used + PlaintextMemory.roomByteCount <= byteCountMax {
            let base =
                memory
                ?? UnsafeMutableRawPointer.allocate(byteCount: byteCountMax, alignment: 64)
            memory = base
            return UnsafeMutableRawBufferPointer(start: base + used, count: PlaintextMemory.roomByteCount)
        }
        return connection.ownInputRoom(PlaintextMemory.roomByteCount)
    }

    /// Keeps so many bytes of the room given last.
    func take(_ byteCount: Int) { used += byteCount }

    /// The iteration has ended: nobody refers to it any more.
    func removeAll() { used = 0 }
}
