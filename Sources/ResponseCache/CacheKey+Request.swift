// SPDX-License-Identifier: Apache-2.0
public import HTTPWire

/// What a handler may see of a request beside scheme, host and target, so that it has to be in the key.
///
/// Middleware such as `ForwardedHeaders` replaces scheme, host and path by what a proxy says they are, after the
/// look-up. Whom it believes is not known here; so all that it judges by counts: who sent the request, and what
/// the fields say. Two requests with one key are rewritten alike, whatever the middleware's settings, and without it.
extension CacheKey {
    /// Whether a request has fields by which it may be rewritten, so that its sender is in the key, too.
    ///
    /// An answer to such a request must not be remembered by the request's bytes alone (`HeadMemo`).
    @inline(__always)
    public static func countsSender(_ present: FieldIDSet) -> Bool { present.intersects(rewriting) }

    /// What replaces scheme, host and path.
    ///
    /// `Forwarded` does, too, and keeps requests away from the cache altogether.
    private static let rewriting = FieldIDSet(
        .xForwardedProto,
        .xForwardedHost,
        .xForwardedPort,
        .xForwardedPrefix
    )

    private static let portTag: UInt8 = 0xFD
    private static let addressLeftOutTag: UInt8 = 0xFE
    private static let senderTag: UInt8 = 0xFF

    /// Adds the port that the request names where it is not the one that it came to.
    ///
    /// Routing does not look at it, but links and redirects are made with it.
    @inline(__always)
    public mutating func addPort(named: UInt16?) {
        let named = named ?? (isSecure ? 443 : 80)
        guard named != port else { return }
        let value: InlineArray<2, UInt8> = [
            UInt8(truncatingIfNeeded: named >> 8), UInt8(truncatingIfNeeded: named),
        ]
        append(Self.portTag, value.span)
    }

    /// Adds what a request may be rewritten by; only for those that `countsSender` says it of.
    ///
    /// The client's own address, the first of `X-Forwarded-For`, is left out, as it is of requests that come without a
    /// proxy: nothing else is taken from it, as long as it is well-formed and no entry of another field stands left
    /// of it. So clients of one proxy share what is stored.
    ///
    /// Cost: no allocation, but for the key's storage.
    ///
    /// - Parameters:
    ///   - head: The head.
    ///   - bytes: The bytes that it was parsed from.
    ///   - sender: The address of who is at the other end of the connection, in any form.
    public mutating func addForwardedFields(of head: RequestHead, bytes: Span<UInt8>, sender: Span<UInt8>) {
        append(Self.senderTag, sender)
        let counts = ForwardedCounts(of: head, bytes: bytes)
        var mayLeaveOut = counts.addresses >= counts.others
        for field in head.fields {
            let value = bytes.extracting(field.value.range)
            if field.id == .xForwardedFor {
                let end = mayLeaveOut ? Self.endOfClient(value) : nil
                mayLeaveOut = false
                if let end {
                    append(Self.addressLeftOutTag, value.extracting(end...))
                } else {
                    append(field.id.rawValue, value)
                }
            } else if Self.rewriting.contains(field.id) {
                append(field.id.rawValue, value)
            }
        }
    }

    /// Where the first element of a list ends, if it is an address.
    private static func endOfClient(_ list: Span<UInt8>) -> Int? {
        var end = 0
        while end < list.count, list[end] != UInt8(ascii: ",") { end += 1 }
        var last = end
        while last > 0, list[last - 1] == 0x20 || list[last - 1] == 0x09 { last -= 1 }
        return HostSyntax.isAddress(list.extracting(..<last)) ? end : nil
    }

    /// How many entries the lists of a request have, empty ones with them.
    private struct ForwardedCounts {
        /// Entries of `X-Forwarded-For`.
        private(set) var addresses = 0
        /// Entries of the longest of the others.
        var others: Int { max(protocols, hosts, prefixes) }
        private var protocols = 0
        private var hosts = 0
        private var prefixes = 0

        init(of head: RequestHead, bytes: Span<UInt8>) {
            for field in head.fields {
                switch field.id {
                case .xForwardedFor: addresses += Self.count(bytes.extracting(field.value.range))
                case .xForwardedProto: protocols += Self.count(bytes.extracting(field.value.range))
                case .xForwardedHost: hosts += Self.count(bytes.extracting(field.value.range))
                case .xForwardedPrefix: prefixes += Self.count(bytes.extracting(field.value.range))
                default: break
                }
            }
        }

        private static func count(_ list: Span<UInt8>) -> Int {
            var count = 1
            for index in list.indices where list[index] == UInt8(ascii: ",") { count += 1 }
            return count
        }
    }
}
