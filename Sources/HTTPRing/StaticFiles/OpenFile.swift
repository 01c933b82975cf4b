// SPDX-License-Identifier: Apache-2.0

import CFiles
import Glibc
import HTTPWire

/// A regular file that is open, with what a response says of it.
///
/// Closed when the last response that sends it and the cache have let go of it.
final class OpenFile: Sendable {
    let descriptor: Int32
    /// The file's length in bytes when it was opened.
    let byteCount: Int64
    let representation: Preconditions.Representation
    /// All the fields of a 200 response.
    let fields: FieldSection
    let mediaType: String
    /// The codings in which it lies beside itself.
    let codings: [PrecompressedCoding]
    /// The content, where it is not too long and was in the page cache.
    let content: [UInt8]?
    /// How many bytes of content are held.
    var contentByteCount: Int { content?.count ?? 0 }
    /// Monotonic nanoseconds when the facts were read.
    let readAt: Int64

    /// Takes over the descriptor of a regular file, with its facts.
    init(
        descriptor: Int32,
        status: stat,
        mediaType: String,
        coding: PrecompressedCoding?,
        codings: [PrecompressedCoding],
        cacheControl: String?,
        contentByteCountMax: Int,
        readAt: Int64,
        unixNanoseconds: Int64
    ) {
        self.descriptor = descriptor
        self.readAt = readAt
        self.mediaType = mediaType
        self.codings = codings
        byteCount = Int64(status.st_size)
        let seconds = Int64(status.st_mtim.tv_sec)
        let tag = OpenFile.entityTag(status, seconds, coding, now: unixNanoseconds)
        representation = Preconditions.Representation(entityTag: tag, lastModified: seconds)
        var fields = FieldSection()
        do {
            try fields.append(id: .contentType, value: mediaType)
            fields.append(id: .contentLength, decimal: byteCount)
            try fields.append(id: .lastModified, value: HTTPDate(unixSeconds: seconds).text)
            if let tag { try fields.append(id: .eTag, value: tag.text) }
            if let coding {
                fields.append(id: .contentEncoding, literal: coding.name)
            } else {
                fields.append(id: .acceptRanges, literal: "bytes")
            }
            if coding != nil || !codings.isEmpty { fields.append(id: .vary, literal: "Accept-Encoding") }
            if let cacheControl { try fields.append(id: .cacheControl, value: cacheControl) }
        } catch {
            preconditionFailure(
                "a media type or Cache-Control of the program's own is not a field value: \(error)"
            )
        }
        self.fields = fields
        content = byteCount <= Int64(contentByteCountMax) ? OpenFile.read(descriptor, Int(byteCount)) : nil
    }

    deinit { close(descriptor) }

    /// The length and the time of the last change, in hexadecimal, and the coding.
    ///
    /// Weak while that time is less than a second ago: the file may change again and keep both.
    private static func entityTag(
        _ status: stat,
        _ seconds: Int64,
        _ coding: PrecompressedCoding?,
        now: Int64
    ) -> EntityTag? {
        let nanoseconds = seconds &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
        let age = now &- nanoseconds
        let text =
            String(UInt64(bitPattern: nanoseconds), radix: 16) + "-"
            + String(UInt64(status.st_size), radix: 16) + (coding.map { "-\($0.name)" } ?? "")
        return EntityTag(opaque: text, isWeak: age < 1_000_000_000)
    }

    /// The whole of a file, or `nil` where it is not all in the page cache or not that long any more.
    private static func read(_ descriptor: Int32, _ byteCount: Int) -> [UInt8]? {
        guard byteCount > 0 else { return [] }
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            // The buffer has room for `byteCount` bytes, and the kernel fills no more.
            guard let start = buffer.baseAddress else { return }
            count = max(0, hr_file_read_cached(descriptor, start, byteCount))
        }
        return bytes.count == byteCount ? bytes : nil
    }
}
