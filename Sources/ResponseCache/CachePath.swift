// SPDX-License-Identifier: Apache-2.0
internal import HTTPWire

/// Paths in the one form in which flush patterns and keys are compared.
enum CachePath {
    /// Returns a path as it is routed, in ASCII lower case: decoded, without dot segments or doubled slashes.
    ///
    /// Text that was typed without escapes counts as if it had them. What does not decode stays as it is.
    static func normalized(_ path: [UInt8]) -> [UInt8] {
        let decoded = decoded(path)
        return RequestPath.routingForm(decoded.span).map(ASCII.lowercased)
    }

    /// Compares a path with a normalised one, without allocation where the path is in the usual form.
    ///
    /// - Parameters:
    ///   - path: The path, as on the wire.
    ///   - top: A normalised path.
    ///   - includesDescendants: Whether a path below `top` is a match too.
    /// - Returns: Whether they are the same but for case and spelling, or the path is below.
    static func matches(_ path: Span<UInt8>, _ top: [UInt8], includesDescendants: Bool) -> Bool {
        guard !isInUsualForm(path) else {
            return matchesNormalized(path, top, includesDescendants: includesDescendants)
        }
        let normalized = normalized(ByteOperations.copy(path))
        return matchesNormalized(normalized.span, top, includesDescendants: includesDescendants)
    }

    /// Tells whether a path is another one, or below it by whole segments; the case of the first is free.
    private static func matchesNormalized(
        _ path: Span<UInt8>,
        _ top: [UInt8],
        includesDescendants: Bool
    ) -> Bool {
        var stemCount = top.count
        if includesDescendants, top.last == UInt8(ascii: "/") { stemCount -= 1 }
        guard includesDescendants ? path.count >= stemCount : path.count == stemCount else { return false }
        for index in 0..<stemCount where ASCII.lowercased(path[index]) != top[index] { return false }
        return path.count == stemCount || path[stemCount] == UInt8(ascii: "/")
    }

    /// Tells whether normalising a path would change nothing but its case.
    private static func isInUsualForm(_ path: Span<UInt8>) -> Bool {
        var isAfterSlash = false
        for index in path.indices {
            let byte = path[index]
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "\\"):
                return false
            case UInt8(ascii: "/"), UInt8(ascii: "."):
                if isAfterSlash { return false }
            default:
                if isUnusual(byte) { return false }
            }
            isAfterSlash = byte == UInt8(ascii: "/")
        }
        return true
    }

    private static func decoded(_ path: [UInt8]) -> [UInt8] {
        let escaped = escapingUnusual(path)
        do throws(Refusal) {
            return try RequestPath.decode(escaped.span)
        } catch {
            return path
        }
    }

    /// Returns a path with all bytes that a request-target cannot have as percent-escapes.
    private static func escapingUnusual(_ path: [UInt8]) -> [UInt8] {
        guard path.contains(where: isUnusual) else { return path }
        let digits = Array("0123456789ABCDEF".utf8)
        var escaped: [UInt8] = []
        for byte in path {
            if isUnusual(byte) {
                escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            } else {
                escaped.append(byte)
            }
        }
        return escaped
    }

    private static func isUnusual(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte >= 0x7F
    }
}
