// SPDX-License-Identifier: Apache-2.0
public import HTTPWire

extension CacheRules {
    /// Decides what of a fresh entry a parsed HTTP/1 request is answered with.
    ///
    /// Cost: one test, unless one of the conditional or range fields is there.
    ///
    /// - Parameters:
    ///   - entry: The entry that the look-up gave.
    ///   - head: The request's head, free of blockers (`CacheRequestBlockers.mayServe`).
    ///   - bytes: The bytes that it was parsed from.
    ///   - wallClock: Unix seconds.
    /// - Returns: The disposition; `CacheResponse` renders all but `full`.
    @inline(__always)
    public static func disposition(
        of entry: CacheEntry,
        head: RequestHead,
        bytes: Span<UInt8>,
        wallClock: Int64
    ) -> CacheDisposition {
        guard head.present.intersects(decisive) else { return .full }
        return examinedDisposition(of: entry, head: head, bytes: bytes, wallClock: wallClock)
    }

    /// Decides what of a fresh entry a request with its fields in a section (of HTTP/2) is answered with.
    ///
    /// - Parameters:
    ///   - entry: The entry that the look-up gave.
    ///   - fields: The request's fields, free of blockers (`CacheRequestBlockers.mayServe`).
    ///   - wallClock: Unix seconds.
    /// - Returns: The disposition; `CacheResponse` renders all but `full`.
    public static func disposition(
        of entry: CacheEntry,
        fields: FieldSection,
        wallClock: Int64
    ) -> CacheDisposition {
        disposition(
            of: entry,
            conditions: Preconditions.Fields(fields),
            range: fields[.range],
            wallClock: wallClock
        )
    }

    /// The fields that may make the answer another than the whole entry.
    private static let decisive = FieldIDSet(.ifNoneMatch, .ifModifiedSince, .range)

    @inline(never)
    private static func examinedDisposition(
        of entry: CacheEntry,
        head: RequestHead,
        bytes: Span<UInt8>,
        wallClock: Int64
    ) -> CacheDisposition {
        disposition(
            of: entry,
            conditions: Preconditions.Fields(
                ifNoneMatch: head.joined(.ifNoneMatch, bytes),
                ifModifiedSince: head.joined(.ifModifiedSince, bytes),
                ifRange: head.joined(.ifRange, bytes)
            ),
            range: head.joined(.range, bytes),
            wallClock: wallClock
        )
    }

    /// RFC 9110 §13.2: conditions first, and those only where the answer would be 200; then the range.
    private static func disposition(
        of entry: CacheEntry,
        conditions: Preconditions.Fields,
        range: String?,
        wallClock: Int64
    ) -> CacheDisposition {
        guard entry.status == 200, !(conditions.isEmpty && range == nil) else { return .full }
        let bytes = entry.bytes
        let representation = Preconditions.Representation(
            entityTag: EntityTag(bytes.span.extracting(entry.entityTagRange)),
            lastModified: entry.lastModified
        )
        let outcome = Preconditions.evaluate(
            conditions,
            method: .get,
            representation: representation,
            now: wallClock
        )
        switch outcome {
        case .notModified:
            return .notModified
        case .preconditionFailed, .proceed(rangeApplies: false):
            // A precondition that can fail keeps the request away from the cache, so it did not.
            return .full
        case .proceed(rangeApplies: true):
            break
        }
        guard let range else { return .full }
        switch ByteRanges.parse(range, length: Int64(entry.bodyByteCount)) {
        case .ignore: return .full
        case .unsatisfiable: return .rangeNotSatisfiable
        case .ranges(let ranges): return .partial(ranges)
        }
    }
}

extension RequestHead {
    /// The values of a field's lines, joined with commas; nil without a line.
    fileprivate func joined(_ id: FieldID, _ bytes: Span<UInt8>) -> String? {
        guard present.contains(id) else { return nil }
        var text: String?
        for field in fields where field.id == id {
            let value = FieldSyntax.string(bytes.extracting(field.value.range))
            text = text.map { $0 + ", " + value } ?? value
        }
        return text
    }
}
