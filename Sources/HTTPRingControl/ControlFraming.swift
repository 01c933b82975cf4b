// SPDX-License-Identifier: Apache-2.0

/// The greeting both sides begin with, and the version they then speak.
///
/// Shape: the client sends the eight bytes `HTTPRING` with the lowest and the highest version it speaks; the
/// service answers the same eight bytes with the version it chose twice, or with a `failed` answer.
public enum ControlGreeting {
    /// The versions this side speaks.
    public static let versions: ClosedRange<UInt16> = 1...1

    private static let magic = Array("HTTPRING".utf8)

    /// The message that offers versions.
    public static func encoded(_ versions: ClosedRange<UInt16> = versions) -> [UInt8] {
        var writer = ControlWriter()
        writer.number(versions.lowerBound)
        writer.number(versions.upperBound)
        return magic + writer.bytes
    }

    /// Reads a greeting.
    public static func decode(_ bytes: ArraySlice<UInt8>) throws(ControlCodecError) -> ClosedRange<UInt16> {
        guard bytes.starts(with: magic) else {
            throw ControlCodecError(words: "the message is no greeting", offset: 0)
        }
        var reader = ControlReader(bytes.dropFirst(magic.count))
        let lowest = try reader.number(UInt16.self)
        let highest = try reader.number(UInt16.self)
        guard lowest <= highest else { throw reader.error("the versions are in the wrong order") }
        try reader.finish()
        return lowest...highest
    }

    /// The version that both sides speak; `nil` where there is none.
    public static func common(with offered: ClosedRange<UInt16>) -> UInt16? {
        guard offered.overlaps(versions) else { return nil }
        return min(offered.upperBound, versions.upperBound)
    }
}

/// Cuts a stream of bytes into messages: four bytes of length, most significant first, then so many bytes.
public struct ControlFramer: Sendable {
    /// The most bytes a message may have.
    public let messageBytesMax: Int
    private var bytes: [UInt8] = []
    private var start = 0

    /// Makes a framer.
    public init(messageBytesMax: Int) { self.messageBytesMax = messageBytesMax }

    /// Puts a length before a message.
    public static func framed(_ message: [UInt8]) -> [UInt8] {
        var writer = ControlWriter()
        writer.number(UInt32(clamping: message.count))
        return writer.bytes + message
    }

    /// Bytes that are held.
    public var heldByteCount: Int { bytes.count - start }

    /// Takes in what arrived.
    public mutating func append(_ new: ArraySlice<UInt8>) {
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 16)
            start = 0
        } else if start > 1 << 16 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += new
    }

    /// Returns the next whole message; `nil` until one is there.
    ///
    /// - Throws: for a length of 0 or over the limit, as soon as it is there.
    public mutating func next() throws(ControlCodecError) -> ArraySlice<UInt8>? {
        var reader = ControlReader(bytes[start...])
        guard reader.remainingCount >= 4 else { return nil }
        let length = Int(try reader.number(UInt32.self))
        guard length > 0, length <= messageBytesMax else {
            throw ControlCodecError(
                words: "a message has \(length) bytes, not 1 to \(messageBytesMax)",
                offset: 0
            )
        }
        guard reader.remainingCount >= length else { return nil }
        let first = start + 4
        start = first + length
        return bytes[first..<start]
    }
}
