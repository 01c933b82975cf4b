// SPDX-License-Identifier: Apache-2.0

extension ProxyProtocolHeader {
    /// §2.1, the line of text, whose first byte is known to be `P`.
    static func parseText(_ bytes: Span<UInt8>) throws(ProxyProtocolRefusal) -> ProxyProtocolOutcome {
        // "PROXY "
        let prefix: InlineArray<6, UInt8> = [0x50, 0x52, 0x4f, 0x58, 0x59, 0x20]
        for index in 0..<min(bytes.count, prefix.count) where bytes[index] != prefix[index] {
            throw .signatureMissing
        }
        var end = 0
        let scanned = min(bytes.count, textByteCountMax)
        while end < scanned, bytes[end] != .carriageReturn, bytes[end] != .lineFeed { end += 1 }
        guard end + 1 < scanned else {
            if end < scanned, bytes[end] == .lineFeed { throw .lineMalformed }
            guard bytes.count < textByteCountMax else { throw .lineTooLong }
            return .incomplete
        }
        guard bytes[end] == .carriageReturn, bytes[end + 1] == .lineFeed else { throw .lineMalformed }
        let header = try parse(line: bytes.extracting(0..<end))
        return .complete(header, byteCount: end + 2)
    }

    /// Reads the line, without its CRLF.
    private static func parse(line: Span<UInt8>) throws(ProxyProtocolRefusal) -> ProxyProtocolHeader {
        var header = ProxyProtocolHeader(version: .text)
        var offset = 6
        let family = nextWord(line, from: &offset)
        guard !isWord(line, family, "UNKNOWN") else {
            // "Any information presented before the CRLF is ignored."
            return header
        }
        let isIPv6 = isWord(line, family, "TCP6")
        guard isIPv6 || isWord(line, family, "TCP4") else { throw .familyNotSupported }
        let source = nextWord(line, from: &offset)
        let destination = nextWord(line, from: &offset)
        let sourcePort = nextWord(line, from: &offset)
        let destinationPort = nextWord(line, from: &offset)
        // Behind the last word nothing is left: no space, no sixth word.
        guard offset == line.count + 1, !destinationPort.isEmpty else { throw .lineMalformed }
        header.transport = .stream
        header.source = try address(line, source, port: port(line, sourcePort), isIPv6: isIPv6)
        header.destination = try address(line, destination, port: port(line, destinationPort), isIPv6: isIPv6)
        return header
    }

    /// The bytes up to the next space or the end; `offset` moves behind the space.
    private static func nextWord(_ line: Span<UInt8>, from offset: inout Int) -> Range<Int> {
        guard offset <= line.count else { return line.count..<line.count }
        let start = offset
        while offset < line.count, line[offset] != .space { offset += 1 }
        defer { offset += 1 }
        return start..<offset
    }

    private static func isWord(_ line: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        ByteScan.isEqual(line.extracting(range), word)
    }

    private static func port(_ line: Span<UInt8>, _ range: Range<Int>) throws(ProxyProtocolRefusal) -> UInt16
    {
        guard (1...5).contains(range.count), range.count == 1 || line[range.lowerBound] != 0x30,
            let value = FieldSyntax.decimal(line.extracting(range)), let port = UInt16(exactly: value)
        else { throw .portMalformed }
        return port
    }

    private static func address(
        _ line: Span<UInt8>,
        _ range: Range<Int>,
        port: UInt16,
        isIPv6: Bool
    ) throws(ProxyProtocolRefusal) -> ProxyProtocolAddress {
        if isIPv6 {
            guard let (high, low) = ipv6(line, from: range.lowerBound, to: range.upperBound) else {
                throw .addressMalformed
            }
            return .ipv6(high: high, low: low, port: port)
        }
        guard let value = ipv4(line, from: range.lowerBound, to: range.upperBound) else {
            throw .addressMalformed
        }
        return .ipv4(value, port: port)
    }

    /// Four numbers from 0 to 255 without leading zeros.
    static func ipv4(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> UInt32? {
        var value: UInt32 = 0
        var offset = start
        for part in 0..<4 {
            let partStart = offset
            var number: UInt32 = 0
            while offset < end, offset - partStart < 3, bytes[offset].isDigit {
                number = number * 10 + UInt32(bytes[offset] - 0x30)
                offset += 1
            }
            let count = offset - partStart
            guard count > 0, number <= 255, count == 1 || bytes[partStart] != 0x30 else { return nil }
            value = value << 8 | number
            guard part < 3 else { break }
            guard offset < end, bytes[offset] == UInt8(ascii: ".") else { return nil }
            offset += 1
        }
        return offset == end ? value : nil
    }

    /// An IPv6 address as RFC 4291 §2.2 writes it, the dotted form for the last four bytes included.
    static func ipv6(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> (high: UInt64, low: UInt64)? {
        let colon = UInt8(ascii: ":")
        var groups: InlineArray<8, UInt16> = .init(repeating: 0)
        var count = 0
        var gap: Int?
        var offset = start
        if end - start >= 2, bytes[start] == colon, bytes[start + 1] == colon {
            gap = 0
            offset += 2
        }
        while offset < end {
            let groupStart = offset
            var value: UInt16 = 0
            while offset < end, offset - groupStart < 4, let digit = bytes[offset].hexDigitValue {
                value = value << 4 | UInt16(digit)
                offset += 1
            }
            guard offset > groupStart, count < 8 else { return nil }
            if offset < end, bytes[offset] == UInt8(ascii: ".") {
                guard count <= 6, let tail = ipv4(bytes, from: groupStart, to: end) else { return nil }
                groups[count] = UInt16(truncatingIfNeeded: tail >> 16)
                groups[count + 1] = UInt16(truncatingIfNeeded: tail)
                count += 2
                break
            }
            groups[count] = value
            count += 1
            guard offset < end else { break }
            guard bytes[offset] == colon, offset + 1 < end else { return nil }
            offset += 1
            if bytes[offset] == colon {
                guard gap == nil else { return nil }
                gap = count
                offset += 1
            }
        }
        guard gap == nil ? count == 8 : count <= 7 else { return nil }
        let zeros = 8 - count
        var halves: (high: UInt64, low: UInt64) = (0, 0)
        for index in 0..<8 {
            var group: UInt16 = 0
            if let gap, index >= gap {
                if index >= gap + zeros { group = groups[index - zeros] }
            } else {
                group = groups[index]
            }
            if index < 4 {
                halves.high = halves.high << 16 | UInt64(group)
            } else {
                halves.low = halves.low << 16 | UInt64(group)
            }
        }
        return halves
    }
}
