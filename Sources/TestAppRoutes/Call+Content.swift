// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension Call {
    /// The most of a body that is collected before it is sent back.
    private static let collectedByteCountMax = 1 << 20

    /// `/echo`: a small body whole, a larger one piece by piece.
    func echo() async throws {
        let type = request.value(of: .contentType) ?? "application/octet-stream"
        set("Content-Type", type)
        let source = context.request.body
        if let length = context.features.requestBody?.contentLength {
            response.responseHeaders.set(id: .contentLength, decimal: length)
        }
        var collected: [UInt8] = []
        while collected.count <= Call.collectedByteCountMax {
            let piece = try await source.read()
            if piece.isEmpty { return try await body.write(collected) }
            if collected.isEmpty { collected = piece } else { collected += piece }
        }
        try await body.write(collected)
        for try await piece in source { try await body.write(piece) }
    }

    /// `/upload` and `/upload/limit/N`: the body's length and hash, and its trailers.
    func upload(limit text: Substring? = nil) async throws {
        if let text {
            let limit = try number(text, in: 0...Int64.max)
            if let feature = context.features[(any HTTPMaxRequestBodySizeFeature).self] {
                feature.maxRequestBodySize = min(limit, feature.maxRequestBodySize ?? limit)
            }
        }
        var hash = SHA256()
        var byteCount: Int64 = 0
        for try await piece in context.request.body {
            hash.update(piece)
            byteCount += Int64(piece.count)
        }
        var json = JSONText()
        json.raw(#"{"length":"#)
        json.number(byteCount)
        json.raw(#","sha256":"#)
        json.string(hash.hexadecimalDigest())
        json.raw(#","trailers":"#)
        json.fields(context.features[(any HTTPRequestTrailersFeature).self]?.trailers ?? FieldSection())
        json.raw("}")
        try await reply(json)
    }

    /// `/duplex`: each piece goes back as it comes.
    func duplex() async throws {
        set("Content-Type", "application/octet-stream")
        for try await piece in context.request.body {
            try await body.write(piece)
            try await body.flush()
        }
    }
}

extension JSONText {
    /// Appends field lines as pairs, in order, names in lower case.
    mutating func fields(_ section: FieldSection) {
        raw("[")
        var isFirst = true
        section.forEach { _, name, value in
            if !isFirst { raw(",") }
            isFirst = false
            raw("[")
            latin1(name, lowercased: true)
            raw(",")
            latin1(value)
            raw("]")
        }
        raw("]")
    }
}
