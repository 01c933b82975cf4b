// SPDX-License-Identifier: Apache-2.0
internal import HTTPWire

/// What a request is answered with from a fresh entry.
public enum CacheDisposition: Sendable, Equatable {
    /// The whole entry as it is.
    case full
    /// 304: the client has it already.
    case notModified
    /// 206: these ranges of the body, none of them empty; several make a `multipart/byteranges`.
    case partial([Range<Int64>])
    /// 416: none of the ranges asked for lies in the body.
    case rangeNotSatisfiable
}

/// A response made from an entry, other than the entry itself: 206, 304 or 416.
///
/// It has the shape of `CacheEntry.bytes`, with a date to be filled in.
public struct CacheResponse: Sendable {
    /// The status code.
    public let status: UInt16
    /// The whole response.
    public private(set) var bytes: [UInt8] = []
    /// Bytes of the head, including the empty line that ends it.
    public private(set) var headByteCount = 0
    /// Where in `bytes` the 29 bytes of the date are.
    public private(set) var dateOffset = 0

    /// Makes the response for a disposition; nil for `.full`, where the entry is the response.
    ///
    /// Cost: one allocation; copies what is sent of the body.
    ///
    /// - Parameters:
    ///   - entry: The entry.
    ///   - disposition: What `CacheRules.disposition` said of it.
    ///   - boundary: Two random words that frame the parts of several ranges.
    public init?(
        of entry: CacheEntry,
        as disposition: CacheDisposition,
        boundary: @autoclosure () -> (UInt64, UInt64) = Self.randomBoundary()
    ) {
        switch disposition {
        case .full:
            return nil
        case .notModified:
            status = 304
            appendNotModified(entry)
        case .partial(let ranges):
            status = 206
            if ranges.count == 1 {
                appendRange(ranges[0], of: entry)
            } else {
                appendRanges(ranges, of: entry, boundary: boundary())
            }
        case .rangeNotSatisfiable:
            status = 416
            appendRangeNotSatisfiable(entry)
        }
    }

    /// Draws a boundary for `init`.
    public static func randomBoundary() -> (UInt64, UInt64) {
        (.random(in: .min ... .max), .random(in: .min ... .max))
    }

    /// RFC 9110 §15.4.5: the fields that say what is still valid, and no other representation metadata.
    private mutating func appendNotModified(_ entry: CacheEntry) {
        var kept = FieldIDSet(.cacheControl, .contentLocation, .eTag, .expires, .vary, .server)
        if entry.entityTagRange.isEmpty { kept.insert(.lastModified) }
        appendHead(of: entry) { kept.contains($0) }
        endHead()
    }

    /// RFC 9110 §15.3.7.1.
    private mutating func appendRange(_ range: Range<Int64>, of entry: CacheEntry) {
        appendHead(of: entry) { $0 != .contentLength && $0 != .date }
        let complete = Int64(entry.bodyByteCount)
        let contentRange = ByteRanges.contentRange(range, length: complete)
        ResponseHeadWriter.appendField("Content-Range", Array(contentRange.utf8), to: &bytes)
        ResponseHeadWriter.appendField("Content-Length", decimal: range.count, to: &bytes)
        endHead()
        appendBody(range, of: entry)
    }

    /// RFC 9110 §15.3.7.2.
    private mutating func appendRanges(
        _ ranges: [Range<Int64>],
        of entry: CacheEntry,
        boundary: (UInt64, UInt64)
    ) {
        let multipart = MultipartByteRanges(
            ranges: ranges,
            completeLength: Int64(entry.bodyByteCount),
            contentType: Array(entry.bytes[entry.contentTypeRange]),
            boundary: boundary
        )
        appendHead(of: entry) { $0 != .contentLength && $0 != .contentType && $0 != .date }
        ResponseHeadWriter.appendField("Content-Type", multipart.mediaType, to: &bytes)
        ResponseHeadWriter.appendField("Content-Length", decimal: Int(multipart.byteCount), to: &bytes)
        endHead()
        for index in ranges.indices {
            bytes += multipart.partHead(index)
            appendBody(ranges[index], of: entry)
        }
        bytes += multipart.closing
    }

    /// RFC 9110 §15.5.17.
    private mutating func appendRangeNotSatisfiable(_ entry: CacheEntry) {
        appendHead(of: entry) { $0 == .server }
        let complete = Int64(entry.bodyByteCount)
        let contentRange = ByteRanges.unsatisfiableContentRange(length: complete)
        ResponseHeadWriter.appendField("Content-Range", Array(contentRange.utf8), to: &bytes)
        ResponseHeadWriter.appendField("Content-Length", decimal: 0, to: &bytes)
        endHead()
    }

    /// Appends the status line, and those of the entry's field lines that are kept.
    private mutating func appendHead(of entry: CacheEntry, keeping isKept: (FieldID) -> Bool) {
        var head: [UInt8] = []
        head.reserveCapacity(entry.headByteCount + 128)
        ResponseHeadWriter.appendStatusLine(status, reason: nil, to: &head)
        entry.forEachLine { id, _, _, line in
            guard isKept(id) else { return }
            head += entry.bytes[line]
        }
        bytes = head
    }

    private mutating func endHead() {
        dateOffset = ResponseHeadWriter.appendDateAndEnd(to: &bytes)
        headByteCount = bytes.count
    }

    private mutating func appendBody(_ range: Range<Int64>, of entry: CacheEntry) {
        let start = entry.headByteCount
        bytes += entry.bytes[start + Int(range.lowerBound)..<start + Int(range.upperBound)]
    }
}
