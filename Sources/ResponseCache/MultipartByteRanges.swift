// SPDX-License-Identifier: Apache-2.0
internal import HTTPWire

/// The framing of a 206 response with several ranges: a `multipart/byteranges` body, but for the content.
///
/// The body is, for each range, `partHead(_:)` and the bytes of the range, and then `closing`. Whoever
/// serves a file sends these pieces around slices of it.
///
/// **Shape** of a part head: CRLF (not before the first part), `--` boundary CRLF, `Content-Type` and
/// `Content-Range` lines, an empty line. The boundary is 32 hexadecimal digits of random bits that the
/// caller draws, so no content can be made to contain it.
///
/// Source: RFC 9110 §14.6 and §15.3.7.2, RFC 2046 §5.1.
public struct MultipartByteRanges: Sendable {
    /// The ranges of the representation, in the order in which they are sent.
    public let ranges: [Range<Int64>]
    /// Bytes of the whole representation.
    public let completeLength: Int64
    private let boundary: [UInt8]
    private let contentType: [UInt8]

    /// Makes the framing.
    ///
    /// - Parameters:
    ///   - ranges: The ranges, each within the representation and not empty.
    ///   - completeLength: Bytes of the whole representation.
    ///   - contentType: The representation's media type; empty leaves the parts' `Content-Type` out.
    ///   - boundary: Two random words.
    public init(
        ranges: [Range<Int64>],
        completeLength: Int64,
        contentType: [UInt8],
        boundary: (UInt64, UInt64)
    ) {
        precondition(
            ranges.allSatisfy { !$0.isEmpty && $0.lowerBound >= 0 && $0.upperBound <= completeLength },
            "a range that is sent lies within the representation"
        )
        self.ranges = ranges
        self.completeLength = completeLength
        self.contentType = contentType
        self.boundary = Self.hexadecimal(boundary.0) + Self.hexadecimal(boundary.1)
    }

    /// The value of the response's `Content-Type`.
    public var mediaType: [UInt8] {
        Array("multipart/byteranges; boundary=".utf8) + boundary
    }

    /// Bytes of the whole body: the response's `Content-Length`.
    ///
    /// `Int64.max` if it is more than that.
    public var byteCount: Int64 {
        var sum = Int64(closing.count)
        for index in ranges.indices {
            let part = Int64(partHead(index).count)
            for count in [part, ranges[index].upperBound - ranges[index].lowerBound] {
                let (total, overflow) = sum.addingReportingOverflow(count)
                sum = overflow ? .max : total
            }
        }
        return sum
    }

    /// What stands before the bytes of one range.
    ///
    /// - Parameter index: The index of the range in `ranges`.
    /// - Returns: The boundary line, the part's fields and the empty line.
    public func partHead(_ index: Int) -> [UInt8] {
        var head: [UInt8] = index == 0 ? [] : [0x0D, 0x0A]
        head += "--".utf8
        head += boundary
        if !contentType.isEmpty {
            head += "\r\nContent-Type: ".utf8
            head += contentType
        }
        head += "\r\nContent-Range: ".utf8
        head += ByteRanges.contentRange(ranges[index], length: completeLength).utf8
        head += "\r\n\r\n".utf8
        return head
    }

    /// What stands after the bytes of the last range.
    public var closing: [UInt8] {
        Array("\r\n--".utf8) + boundary + Array("--\r\n".utf8)
    }

    private static func hexadecimal(_ word: UInt64) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return (0..<16).map { digits[Int(word &>> UInt64(60 - 4 * $0) & 0xF)] }
    }
}
