// SPDX-License-Identifier: Apache-2.0

/// The bytes `i mod 251`, cut anywhere without a loop over bytes.
public enum PatternBytes {
    /// The period of the pattern.
    public static let period = 251
    /// The size of the pieces long bodies are written in: the most whole periods in 64 KiB.
    public static let pieceByteCount = 65536 / period * period

    /// A piece and one period more, so that a piece may begin at any phase.
    private static let table: [UInt8] = (0..<pieceByteCount + period).map {
        UInt8(truncatingIfNeeded: $0 % period)
    }
    /// The piece that begins at a multiple of the period; shared by all who write it.
    private static let wholePiece = Array(table[..<pieceByteCount])

    /// Up to `count` bytes of the pattern from an offset on, at most one piece.
    ///
    /// Cost: a retain for a whole aligned piece, else one copy.
    public static func piece(at offset: Int64, count: Int64) -> [UInt8] {
        let phase = Int(offset % Int64(period))
        let taken = Int(min(count, Int64(pieceByteCount)))
        if phase == 0, taken == pieceByteCount { return wholePiece }
        return Array(table[phase..<phase + taken])
    }
}
