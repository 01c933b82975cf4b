// SPDX-License-Identifier: Apache-2.0
public import HTTPWire

extension CacheRequestBlockers {
    /// Finds what keeps a parsed HTTP/1 request away from the cache.
    ///
    /// Cost: some bit tests, unless one of the fields is there.
    ///
    /// - Parameters:
    ///   - head: The head.
    ///   - bytes: The bytes that it was parsed from.
    ///   - isAuthenticated: Whether the connection itself says who the client is (a client certificate).
    @inline(__always)
    public init(_ head: RequestHead, bytes: Span<UInt8>, isAuthenticated: Bool = false) {
        self = []
        if head.method != .get { insert(.method) }
        if head.hasContent { insert(.body) }
        if isAuthenticated { insert(.credentials) }
        if head.present.intersects(Self.decisive) { examineFields(of: head, bytes: bytes) }
    }

    /// Finds what keeps a request with its fields in a section (of HTTP/2) away from the cache.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - fields: The fields.
    ///   - hasContent: Whether content follows.
    ///   - isAuthenticated: Whether the connection itself says who the client is (a client certificate).
    public init(method: Method, fields: FieldSection, hasContent: Bool, isAuthenticated: Bool = false) {
        self = []
        if method != .get { insert(.method) }
        if hasContent { insert(.body) }
        if isAuthenticated { insert(.credentials) }
        for index in fields.indices {
            let id = fields.id(at: index)
            guard Self.decisive.contains(id) else { continue }
            fields.withValue(at: index) { examine(id, value: $0) }
        }
    }

    /// Whether one of the fields that have a say is among those present.
    @inline(__always)
    public static func mayLie(in present: FieldIDSet) -> Bool { present.intersects(decisive) }

    /// The fields that have a say.
    private static let decisive = FieldIDSet(
        .authorization,
        .range,
        .ifRange,
        .translate,
        .expect,
        .ifMatch,
        .ifUnmodifiedSince,
        .forwarded,
        .upgrade
    )

    @inline(never)
    private mutating func examineFields(of head: RequestHead, bytes: Span<UInt8>) {
        for field in head.fields where Self.decisive.contains(field.id) {
            examine(field.id, value: bytes.extracting(field.value.range))
        }
    }

    private mutating func examine(_ id: FieldID, value: Span<UInt8>) {
        switch id {
        case .authorization:
            insert(.credentials)
        case .range, .ifRange:
            insert(.range)
        case .forwarded:
            insert(.forwarded)
        case .ifMatch, .ifUnmodifiedSince:
            insert(.precondition)
        case .upgrade where !ByteOperations.equalIgnoringCase(value, "h2c"):
            insert(.upgrade)
        case .translate where ByteOperations.equalIgnoringCase(value, "f"):
            insert(.translate)
        case .expect where !ByteOperations.equalIgnoringCase(value, "100-continue"):
            insert(.expectation)
        default:
            break
        }
    }
}
