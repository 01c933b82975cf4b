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
