// SPDX-License-Identifier: Apache-2.0

/// What names a cached response: scheme, port, local address, host and request-target, and what else of a request
/// middleware may have rewritten it by.
///
/// The path and the query count as the client wrote them: two spellings of one path are two keys.
/// The hash is Swift's, seeded anew in each process, so a peer cannot aim for collisions. The
/// content codings of one URL are variants below its key (`CacheVariants`).
///
/// One key can be refilled again and again with `assign`, which keeps its storage: a look-up
/// then allocates nothing.
///
/// Source: HTTP Server API, response cache; the local address counts where the request was routed
/// by it (`HTTP_REQUEST_FLAG_IP_ROUTED`).
public struct CacheKey: Hashable, Sendable {
    /// scheme, port (2), address length, host length (2), target length (3), address, host, target, and the parts
    /// of `append`; empty names nothing.
    private(set) var bytes: [UInt8]

    /// Makes a key that names nothing: it is never stored and never found.
    public init() {
        bytes = []
    }

    /// Makes a key; see `assign`.
    public init(
        isSecure: Bool,
        port: UInt16,
        localAddress: String = "",
        host: String,
        target: String
    ) {
        self.init()
        assign(
            isSecure: isSecure,
            port: port,
            localAddress: Array(localAddress.utf8).span,
            host: Array(host.utf8).span,
            target: Array(target.utf8).span
        )
    }

    /// Refills the key, keeping its storage.
    ///
    /// - Parameters:
    ///   - isSecure: Whether the scheme is `https`.
    ///   - port: The port that the request came to.
    ///   - localAddress: The IP literal of the prefix that the request was routed by, where that prefix
    ///     is bound to an address; else empty.
    ///   - host: The host of the request without its port, in any case.
    ///   - target: Path and query as on the wire. An empty path counts as `/`.
    /// - Returns: False if a part is too long for a key (65,535 bytes); the key then names nothing.
    @discardableResult
    public mutating func assign(
        isSecure: Bool,
        port: UInt16,
        localAddress: Span<UInt8>,
        host: Span<UInt8>,
        target: Span<UInt8>
    ) -> Bool {
        bytes.removeAll(keepingCapacity: true)
        guard localAddress.count <= 255, host.count <= 65_535, target.count <= 65_535 else { return false }
        bytes.reserveCapacity(Self.prefixByteCount + localAddress.count + host.count + target.count + 1)
        let lacksPath = target.isEmpty || target[0] == UInt8(ascii: "?")
        let targetByteCount = target.count + (lacksPath ? 1 : 0)
        let prefix: InlineArray<9, UInt8> = [
            isSecure ? 1 : 0,
            UInt8(truncatingIfNeeded: port >> 8),
            UInt8(truncatingIfNeeded: port),
            UInt8(truncatingIfNeeded: localAddress.count),
            UInt8(truncatingIfNeeded: host.count >> 8),
            UInt8(truncatingIfNeeded: host.count),
            UInt8(truncatingIfNeeded: targetByteCount >> 16),
            UInt8(truncatingIfNeeded: targetByteCount >> 8),
            UInt8(truncatingIfNeeded: targetByteCount),
        ]
        ByteOperations.append(prefix.span, to: &bytes)
        if !localAddress.isEmpty { ByteOperations.append(localAddress, to: &bytes) }
        ByteOperations.appendLowercased(host, to: &bytes)
        if lacksPath { bytes.append(UInt8(ascii: "/")) }
        ByteOperations.append(target, to: &bytes)
        return true
    }

    /// Adds one more part: a tag that says what it is, its length, its bytes.
    ///
    /// A part that is too long (65,535 bytes) makes the key name nothing.
    mutating func append(_ tag: UInt8, _ value: Span<UInt8>) {
        guard !isEmpty else { return }
        guard value.count <= 65_535 else { return bytes.removeAll(keepingCapacity: true) }
        bytes.append(tag)
        bytes.append(UInt8(truncatingIfNeeded: value.count >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value.count))
        ByteOperations.append(value, to: &bytes)
    }

    /// Whether the key names nothing.
    public var isEmpty: Bool { bytes.isEmpty }

    /// Whether the scheme is `https`.
    public var isSecure: Bool { bytes.first == 1 }

    /// The port.
    public var port: UInt16 {
        isEmpty ? 0 : UInt16(bytes[1]) << 8 | UInt16(bytes[2])
    }

    /// The whole URL, as `show cachestate` prints it.
    public var url: String {
        guard !isEmpty else { return "" }
        let host = String(decoding: bytes[hostRange], as: UTF8.self)
        let target = String(decoding: bytes[targetRange], as: UTF8.self)
        return "\(isSecure ? "https" : "http")://\(host):\(port)\(target)"
    }

    /// Compares two keys, byte by byte.
    public static func == (left: Self, right: Self) -> Bool {
        ByteOperations.equal(left.bytes, right.bytes)
    }

    /// Hashes the key.
    public func hash(into hasher: inout Hasher) {
        ByteOperations.hash(bytes, into: &hasher)
    }

    /// Bytes before the local address.
    private static let prefixByteCount = 9

    /// Where the local address is.
    var addressRange: Range<Int> {
        isEmpty ? 0..<0 : Self.prefixByteCount..<Self.prefixByteCount + Int(bytes[3])
    }

    /// Where the host is.
    var hostRange: Range<Int> {
        guard !isEmpty else { return 0..<0 }
        let start = addressRange.upperBound
        return start..<start + (Int(bytes[4]) << 8 | Int(bytes[5]))
    }

    /// Where the target is.
    var targetRange: Range<Int> {
        guard !isEmpty else { return 0..<0 }
        let start = hostRange.upperBound
        return start..<start + (Int(bytes[6]) << 16 | Int(bytes[7]) << 8 | Int(bytes[8]))
    }
}
