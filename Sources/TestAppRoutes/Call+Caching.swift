// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension Call {
    /// Wed, 01 Jan 2025 00:00:00 GMT.
    private static let cachedSince: Int64 = 1_735_689_600

    private static let cachedRepresentation = Preconditions.Representation(
        entityTag: EntityTag(opaque: "cached-v1"),
        lastModified: cachedSince
    )

    /// `/cached`: what a cache may keep for a minute, and conditional requests against it.
    func cached() async throws {
        response.responseHeaders.append(id: .eTag, literal: "\"cached-v1\"")
        response.responseHeaders.append(id: .cacheControl, literal: "public, max-age=60")
        let fields = Preconditions.Fields(
            ifMatch: request.value(of: .ifMatch),
            ifNoneMatch: request.value(of: .ifNoneMatch),
            ifModifiedSince: request.value(of: .ifModifiedSince),
            ifUnmodifiedSince: request.value(of: .ifUnmodifiedSince)
        )
        let outcome =
            fields.isEmpty
            ? .proceed(rangeApplies: false)
            : Preconditions.evaluate(
                fields,
                method: request.knownMethod,
                representation: Call.cachedRepresentation,
                now: Call.cachedSince
            )
        switch outcome {
        case .notModified: response.statusCode = 304
        case .preconditionFailed: try await reply(412, "precondition failed\n")
        case .proceed:
            response.responseHeaders.append(id: .lastModified, literal: "Wed, 01 Jan 2025 00:00:00 GMT")
            try await reply("cached\n")
        }
    }

    private static let plainRun = [UInt8](repeating: UInt8(ascii: "a"), count: 10000)
    private static let compressedRun = GzipRun.compress(UInt8(ascii: "a"), count: 10000)

    /// `/gzip`: 10000 × `a`, compressed for those who accept it (RFC 9110 §12.5.3).
    func gzip() async throws {
        response.responseHeaders.append(id: .contentType, literal: "text/plain")
        response.responseHeaders.append(id: .vary, literal: "Accept-Encoding")
        let accepted = request.value(of: .acceptEncoding)
        let weight = accepted.flatMap { FieldSyntax.weight(of: "gzip", in: $0.utf8.span) } ?? 0
        guard weight > 0 else { return try await body.write(Call.plainRun) }
        response.responseHeaders.append(id: .contentEncoding, literal: "gzip")
        try await body.write(Call.compressedRun)
    }
}
