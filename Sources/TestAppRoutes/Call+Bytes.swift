// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import ResponseCache

extension Call {
    /// `/bytes/N`: pattern bytes, whole or the ranges asked for.
    func bytes(_ parameter: Substring) async throws {
        let byteCount = try number(parameter, in: 0...0x7FFF_FFFF)
        response.responseHeaders.append(id: .acceptRanges, literal: "bytes")
        set("ETag", "\"bytes-\(byteCount)\"")
        if request.knownMethod == .get, let range = request.value(of: .range), rangeApplies(byteCount) {
            switch ByteRanges.parse(range, length: byteCount) {
            case .ignore: break
            case .unsatisfiable: return try await replyUnsatisfiable(byteCount)
            case .ranges(let ranges):
                if let first = ranges.first, ranges.count == 1 {
                    return try await replyRange(first, of: byteCount)
                }
                return try await replyRanges(ranges, of: byteCount)
            }
        }
        response.responseHeaders.append(id: .contentType, literal: "application/octet-stream")
        response.responseHeaders.set(id: .contentLength, decimal: byteCount)
        if !isHead { try await writePattern(0..<byteCount) }
    }

    /// Whether `If-Range` lets the ranges stand (RFC 9110 §13.1.5): a strong match of the entity tag.
    private func rangeApplies(_ byteCount: Int64) -> Bool {
        guard let condition = request.value(of: .ifRange) else { return true }
        return condition == "\"bytes-\(byteCount)\""
    }

    private func replyUnsatisfiable(_ byteCount: Int64) async throws {
        set("Content-Range", ByteRanges.unsatisfiableContentRange(length: byteCount))
        try await reply(416, "range not satisfiable\n")
    }

    private func replyRange(_ range: Range<Int64>, of byteCount: Int64) async throws {
        response.statusCode = 206
        response.responseHeaders.append(id: .contentType, literal: "application/octet-stream")
        response.responseHeaders.set(id: .contentLength, decimal: range.upperBound - range.lowerBound)
        set("Content-Range", ByteRanges.contentRange(range, length: byteCount))
        try await writePattern(range)
    }

    private func replyRanges(_ ranges: [Range<Int64>], of byteCount: Int64) async throws {
        let parts = MultipartByteRanges(
            ranges: ranges,
            completeLength: byteCount,
            contentType: Array("application/octet-stream".utf8),
            boundary: (.random(in: 0 ... .max), .random(in: 0 ... .max))
        )
        response.statusCode = 206
        set("Content-Type", String(decoding: parts.mediaType, as: UTF8.self))
        response.responseHeaders.set(id: .contentLength, decimal: parts.byteCount)
        for (index, range) in ranges.enumerated() {
            try await body.write(parts.partHead(index))
            try await writePattern(range)
        }
        try await body.write(parts.closing)
    }

    /// Writes part of the pattern in pieces of nearly 64 KiB.
    private func writePattern(_ range: Range<Int64>) async throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            // Pieces after the first begin at a multiple of the period, where nothing is copied.
            let untilAligned = Int64(PatternBytes.period) - offset % Int64(PatternBytes.period)
            let isAligned = untilAligned == Int64(PatternBytes.period)
            let rest = range.upperBound - offset
            let isLong = rest > Int64(PatternBytes.pieceByteCount)
            let piece = PatternBytes.piece(at: offset, count: isAligned || !isLong ? rest : untilAligned)
            try await body.write(piece)
            offset += Int64(piece.count)
            if context.isAborted { return }
        }
    }

    /// `/chunked/N?size=S`: pattern bytes whose length is not told.
    func chunked(_ parameter: Substring) async throws {
        let byteCount = try number(parameter, in: 0...0x7FFF_FFFF)
        let size = try queryNumber("size", standard: 1000, in: 1...1 << 24)
        response.responseHeaders.append(id: .contentType, literal: "application/octet-stream")
        try await body.start()
        guard !isHead else { return }
        var offset: Int64 = 0
        while offset < byteCount, !context.isAborted {
            let end = offset + min(size, byteCount - offset)
            var piece: [UInt8] = []
            while offset < end {
                let part = PatternBytes.piece(at: offset, count: end - offset)
                if piece.isEmpty { piece = part } else { piece += part }
                offset += Int64(part.count)
            }
            try await body.write(piece)
        }
    }

    /// `/abort/N`: half of what was announced, then the end.
    func abort(_ parameter: Substring) async throws {
        let byteCount = try number(parameter, in: 0...0x3FFF_FFFF)
        response.responseHeaders.append(id: .contentType, literal: "application/octet-stream")
        response.responseHeaders.set(id: .contentLength, decimal: 2 * byteCount)
        guard !isHead else { return }
        if byteCount > 0 {
            try await writePattern(0..<byteCount)
            try await body.flush()
        }
        context.abort()
    }
}
