// SPDX-License-Identifier: Apache-2.0

extension RequestPath {
    /// Splits a decoded path into the part that a URL prefix covers and the rest.
    ///
    /// The two are equal when put together. The covered part has no slash at its end, and keeps the prefix's spelling
    /// where it is equal, else the client's: letter case, `\` and `%2F` for `/`, and repeated slashes are taken for
    /// equal. A path that the prefix does not cover has an empty covered part.
    ///
    /// - Parameters:
    ///   - prefixPath: the path of the URL prefix, with or without its last slash.
    ///   - path: the decoded path of the request.
    /// - Returns: the covered part and the rest.
    public static func split(prefixPath: String, path: String) -> (pathBase: String, path: String) {
        let base = Array(prefixPath.utf8)
        let baseCount = base.last == UInt8(ascii: "/") ? base.count - 1 : base.count
        guard baseCount > 0 else { return ("", path) }
        let bytes = Array(path.utf8)
        if bytes.count >= baseCount, bytes.count == baseCount || bytes[baseCount] == UInt8(ascii: "/"),
            bytes[0..<baseCount] == base[0..<baseCount]
        {
            return (string(bytes, 0, baseCount), string(bytes, baseCount, bytes.count))
        }
        guard let consumed = coveredCount(prefix: Array(base[0..<baseCount]), path: bytes) else {
            return ("", path)
        }
        return (string(bytes, 0, consumed), string(bytes, consumed, bytes.count))
    }

    private static func string(_ bytes: [UInt8], _ start: Int, _ end: Int) -> String {
        FieldSyntax.string(bytes.span.extracting(start..<end))
    }

    /// How many bytes of a path a prefix covers, with separators and letter case taken loosely; nil for none.
    private static func coveredCount(prefix: [UInt8], path: [UInt8]) -> Int? {
        var prefixOffset = 0
        var pathOffset = 0
        while prefixOffset < prefix.count {
            let separator = separatorCount(path, at: pathOffset)
            if prefix[prefixOffset] == UInt8(ascii: "/") {
                guard separator > 0 else { return nil }
                prefixOffset += 1
                pathOffset += separator
                // Further separators right behind one count for nothing.
                while case let more = separatorCount(path, at: pathOffset), more > 0 { pathOffset += more }
                continue
            }
            guard let one = scalar(prefix, at: prefixOffset), let other = scalar(path, at: pathOffset),
                isSame(one.value, other.value)
            else { return nil }
            prefixOffset += one.count
            pathOffset += other.count
        }
        // A prefix covers whole segments only.
        return pathOffset == path.count || separatorCount(path, at: pathOffset) > 0 ? pathOffset : nil
    }

    /// How many bytes a separator at an offset has: 1 for `/` and `\`, 3 for `%2F`, 0 for none.
    private static func separatorCount(_ path: [UInt8], at offset: Int) -> Int {
        guard offset < path.count else { return 0 }
        switch path[offset] {
        case UInt8(ascii: "/"), UInt8(ascii: "\\"):
            return 1
        case UInt8(ascii: "%"):
            guard offset + 2 < path.count else { return 0 }
            return path[offset + 1] == UInt8(ascii: "2") && path[offset + 2] | 0x20 == UInt8(ascii: "f")
                ? 3 : 0
        default:
            return 0
        }
    }

    /// The Unicode scalar at an offset of valid UTF-8, with the number of its bytes.
    private static func scalar(_ bytes: [UInt8], at offset: Int) -> (value: Unicode.Scalar, count: Int)? {
        guard offset < bytes.count else { return nil }
        if bytes[offset] < 0x80 { return (Unicode.Scalar(bytes[offset]), 1) }
        var iterator = bytes[offset...].makeIterator()
        var decoder = UTF8()
        guard case .scalarValue(let value) = decoder.decode(&iterator) else { return nil }
        return (value, UTF8.width(value))
    }

    /// Whether two scalars are the same but for letter case.
    private static func isSame(_ one: Unicode.Scalar, _ other: Unicode.Scalar) -> Bool {
        one == other || one.properties.uppercaseMapping == other.properties.uppercaseMapping
    }
}
