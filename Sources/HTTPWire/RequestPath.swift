// SPDX-License-Identifier: Apache-2.0

/// What becomes of the path of a request-target on its way to routing and to the application.
///
/// Source: HTTP.sys behaviour as ASP.NET Core's HttpSys server shows it; RFC 3986 §2.1, §5.2.4.
public enum RequestPath {
    /// Decodes percent-escapes once and removes dot segments.
    ///
    /// **Shape**: `%HH` becomes its byte, but for `%2F`, which stays as typed. Bytes from 0x80 up are decoded only
    /// as whole, shortest-form UTF-8 sequences; others stay escaped. Then `/./` and `/../` are removed, also where
    /// they were typed as `%2E`. `//` stays. `/a/%2E%2E/b%20c` gives `/b c`; `/%C0%AF` stays as it is.
    ///
    /// **Errors**: `pathMalformed` for a `%` without two hexadecimal digits, an escape of a control character
    /// (00–1F, 7F), or a byte that no path holds.
    ///
    /// **Cost**: one allocation; see `decode(_:into:)` for none.
    public static func decode(_ path: Span<UInt8>) throws(Refusal) -> [UInt8] {
        var decoded: [UInt8] = []
        try decode(path, into: &decoded)
        return decoded
    }

    /// Decodes a path as `decode(_:)` does, and appends it to an array.
    ///
    /// What the array holds after an error has no meaning.
    public static func decode(_ path: Span<UInt8>, into decoded: inout [UInt8]) throws(Refusal) {
        let base = decoded.count
        decoded.reserveCapacity(base + path.count)
        var offset = 0
        while offset < path.count {
            let byte = path[offset]
            guard byte == UInt8(ascii: "%") else {
                guard byte.isIn(.target), byte != UInt8(ascii: "?") else { throw .pathMalformed }
                decoded.append(byte)
                offset += 1
                continue
            }
            guard let value = escapedByte(path, at: offset), value >= .space, value != 0x7f else {
                throw .pathMalformed
            }
            if value < 0x80 {
                if value == UInt8(ascii: "/") {
                    ByteScan.append(path.extracting(offset..<(offset + 3)), to: &decoded)
                } else {
                    decoded.append(value)
                }
                offset += 3
            } else {
                offset = decodeSequence(path, at: offset, lead: value, into: &decoded)
            }
        }
        removeDotSegments(&decoded, from: base)
    }

    /// The byte that a `%HH` at an offset stands for, nil where there is none.
    private static func escapedByte(_ path: Span<UInt8>, at offset: Int) -> UInt8? {
        guard offset + 2 < path.count, path[offset] == UInt8(ascii: "%"),
            let high = path[offset + 1].hexDigitValue, let low = path[offset + 2].hexDigitValue
        else { return nil }
        return high << 4 | low
    }

    /// Appends the UTF-8 sequence that begins with a lead byte's escape, or the escapes scanned so far as they are.
    ///
    /// Returns the offset after what was appended.
    private static func decodeSequence(
        _ path: Span<UInt8>,
        at start: Int,
        lead: UInt8,
        into decoded: inout [UInt8]
    ) -> Int {
        let (count, secondRange) = sequence(lead: lead)
        var sequence: InlineArray<4, UInt8> = [lead, 0, 0, 0]
        var taken = 1
        var isValid = count > 0
        while isValid, taken < count {
            let offset = start + 3 * taken
            guard let byte = escapedByte(path, at: offset) else {
                isValid = false
                break
            }
            let range: ClosedRange<UInt8> = taken == 1 ? secondRange : 0x80...0xbf
            guard range.contains(byte) else {
                // A malformed continuation that is one byte of its kind is passed over with the rest; anything else
                // is looked at afresh.
                if byte & 0xc0 == 0x80 { taken += 1 }
                isValid = false
                break
            }
            sequence[taken] = byte
            taken += 1
        }
        if isValid {
            for index in 0..<count { decoded.append(sequence[index]) }
        } else {
            ByteScan.append(path.extracting(start..<(start + 3 * taken)), to: &decoded)
        }
        return start + 3 * taken
    }

    /// The length of a UTF-8 sequence and what its second byte may be; length 0 where no sequence begins so.
    ///
    /// The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF.
    private static func sequence(lead: UInt8) -> (count: Int, second: ClosedRange<UInt8>) {
        switch lead {
        case 0xc2...0xdf: (2, 0x80...0xbf)
        case 0xe0: (3, 0xa0...0xbf)
        case 0xed: (3, 0x80...0x9f)
        case 0xe1...0xef: (3, 0x80...0xbf)
        case 0xf0: (4, 0x90...0xbf)
        case 0xf1...0xf3: (4, 0x80...0xbf)
        case 0xf4: (4, 0x80...0x8f)
        default: (0, 0x80...0xbf)
        }
    }

    /// Removes `/./` and `/../` from the bytes at or after `base`, in place.
    ///
    /// RFC 3986 §5.2.4.
    static func removeDotSegments(_ bytes: inout [UInt8], from base: Int) {
        let slash = UInt8(ascii: "/")
        var read = base
        var write = base
        while read < bytes.count {
            guard bytes[read] == slash else {
                bytes[write] = bytes[read]
                read += 1
                write += 1
                continue
            }
            var segmentEnd = read + 1
            while segmentEnd < bytes.count, segmentEnd - read <= 3, bytes[segmentEnd] != slash {
                segmentEnd += 1
            }
            let isAtEnd = segmentEnd == bytes.count
            let dots = dotCount(
                bytes,
                from: read + 1,
                to: segmentEnd,
                isWhole: isAtEnd || bytes[segmentEnd] == slash
            )
            if dots == 0 {
                bytes[write] = slash
                read += 1
                write += 1
                continue
            }
            if dots == 2 {
                // Back over the last segment written, and its slash.
                while write > base {
                    write -= 1
                    if bytes[write] == slash { break }
                }
            }
            read = segmentEnd
            if isAtEnd {
                bytes[write] = slash
                write += 1
            }
        }
        bytes.removeLast(bytes.count - write)
    }

    /// 1 or 2 for a whole segment of so many dots, else 0.
    @inline(__always)
    private static func dotCount(_ bytes: [UInt8], from start: Int, to end: Int, isWhole: Bool) -> Int {
        guard isWhole, end - start == 1 || end - start == 2, bytes[start] == UInt8(ascii: ".") else {
            return 0
        }
        return bytes[end - 1] == UInt8(ascii: ".") ? end - start : 0
    }

    // MARK: Routing

    /// The form of a decoded path that routing compares: `\` taken for `/`, runs of `/` made one, dot segments that
    /// this brings about removed, `%2F` still encoded.
    public static func routingForm(_ decodedPath: Span<UInt8>) -> [UInt8] {
        var form: [UInt8] = []
        routingForm(decodedPath, into: &form)
        return form
    }

    /// Appends the form that routing compares to an array.
    public static func routingForm(_ decodedPath: Span<UInt8>, into form: inout [UInt8]) {
        let base = form.count
        form.reserveCapacity(base + decodedPath.count)
        var wasSlash = false
        for index in decodedPath.indices {
            let byte = decodedPath[index]
            let isSlash = byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
            if isSlash && wasSlash { continue }
            form.append(isSlash ? UInt8(ascii: "/") : byte)
            wasSlash = isSlash
        }
        removeDotSegments(&form, from: base)
    }
}
