// SPDX-License-Identifier: Apache-2.0

/// A gzip member that is not what RFC 1952 says.
struct InflateError: Error {}

/// Decodes a gzip member of fixed Huffman blocks by the book (RFC 1951, RFC 1952), as an outside check.
func inflate(_ member: [UInt8]) throws -> [UInt8] {
    guard member.count > 18, member[0] == 0x1F, member[1] == 0x8B, member[2] == 8, member[3] == 0 else {
        throw InflateError()
    }
    var reader = BitReader(bytes: Array(member[10..<member.count - 8]))
    var output: [UInt8] = []
    var isLast = false
    while !isLast {
        isLast = try reader.bits(1) == 1
        guard try reader.bits(2) == 1 else { throw InflateError() }
        try inflateFixed(&reader, &output)
    }
    let tail = member.suffix(8).map { UInt32($0) }
    let checksum = tail[0] | tail[1] << 8 | tail[2] << 16 | tail[3] << 24
    let size = tail[4] | tail[5] << 8 | tail[6] << 16 | tail[7] << 24
    guard checksum == crc32(output), size == UInt32(output.count) else { throw InflateError() }
    return output
}

private func inflateFixed(_ reader: inout BitReader, _ output: inout [UInt8]) throws {
    let lengthBase = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
        195, 227, 258,
    ]
    let lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
    while true {
        let symbol = try reader.fixedSymbol()
        if symbol < 256 {
            output.append(UInt8(symbol))
        } else if symbol == 256 {
            return
        } else {
            guard symbol < 286 else { throw InflateError() }
            let length = lengthBase[symbol - 257] + (try reader.bits(lengthExtra[symbol - 257]))
            let distance = try reader.code(5) + 1
            guard distance <= min(4, output.count) else { throw InflateError() }
            for _ in 0..<length { output.append(output[output.count - distance]) }
        }
    }
}

private func crc32(_ bytes: [UInt8]) -> UInt32 {
    var checksum = UInt32.max
    for byte in bytes {
        checksum ^= UInt32(byte)
        for _ in 0..<8 { checksum = checksum & 1 == 1 ? checksum >> 1 ^ 0xEDB8_8320 : checksum >> 1 }
    }
    return ~checksum
}

private struct BitReader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func bits(_ count: Int) throws -> Int {
        var value = 0
        for bit in 0..<count {
            guard position < bytes.count * 8 else { throw InflateError() }
            value |= Int(bytes[position / 8] >> UInt8(position % 8) & 1) << bit
            position += 1
        }
        return value
    }

    mutating func code(_ count: Int) throws -> Int {
        var value = 0
        for _ in 0..<count { value = value << 1 | (try bits(1)) }
        return value
    }

    mutating func fixedSymbol() throws -> Int {
        let seven = try code(7)
        if seven < 24 { return 256 + seven }
        let eight = seven << 1 | (try bits(1))
        if eight < 192 { return eight - 48 }
        if eight < 200 { return 280 + eight - 192 }
        return 144 + (eight << 1 | (try bits(1))) - 400
    }
}
