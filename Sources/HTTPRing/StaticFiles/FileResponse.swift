// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import ResponseCache

/// The response to a GET or HEAD of one file.
struct FileResponse {
    private let file: OpenFile
    private let context: HTTPContext
    private let request: any HTTPRequestFeature
    private let response: any HTTPResponseFeature

    init(
        _ file: OpenFile,
        _ context: HTTPContext,
        _ request: any HTTPRequestFeature,
        _ response: any HTTPResponseFeature
    ) {
        self.file = file
        self.context = context
        self.request = request
        self.response = response
    }

    /// Decides by the request's conditions and ranges what is sent, and sends it.
    func send() async throws {
        // The descriptor must stay open until the last byte is sent.
        defer { withExtendedLifetime(file) {} }
        switch evaluate() {
        case .notModified:
            addValidators()
            response.statusCode = 304
        case .preconditionFailed:
            response.statusCode = 412
        case .proceed(let rangeApplies):
            guard rangeApplies, request.knownMethod == .get, let range = request.value(of: .range) else {
                return try await sendWhole()
            }
            switch ByteRanges.parse(range, length: file.byteCount) {
            case .ignore: try await sendWhole()
            case .unsatisfiable:
                response.statusCode = 416
                set(.contentRange, ByteRanges.unsatisfiableContentRange(length: file.byteCount))
            case .ranges(let ranges):
                if ranges.count == 1 { try await sendRange(ranges[0]) } else { try await sendRanges(ranges) }
            }
        }
    }

    private func evaluate() -> Preconditions.Outcome {
        let fields = Preconditions.Fields(
            ifMatch: request.value(of: .ifMatch),
            ifNoneMatch: request.value(of: .ifNoneMatch),
            ifModifiedSince: request.value(of: .ifModifiedSince),
            ifUnmodifiedSince: request.value(of: .ifUnmodifiedSince),
            ifRange: request.value(of: .ifRange)
        )
        if fields.isEmpty { return .proceed(rangeApplies: true) }
        let outcome = Preconditions.evaluate(
            fields,
            method: request.knownMethod,
            representation: file.representation,
            now: file.representation.lastModified ?? 0
        )
        // A file changed a moment ago may change again within the same second: its date is no strong
        // validator either (RFC 9110 §8.8.2.2).
        let isSettled = file.representation.entityTag?.isWeak == false
        if case .proceed = outcome, fields.ifRange != nil, !isSettled { return .proceed(rangeApplies: false) }
        return outcome
    }

    /// The fields a 304 repeats of the 200 (RFC 9110 §15.4.5).
    private func addValidators() {
        for id in [FieldID.eTag, .lastModified, .cacheControl, .vary] {
            if let value = file.fields[id] { set(id, value) }
        }
    }

    private func sendWhole() async throws {
        response.responseHeaders.append(contentsOf: file.fields)
        // Also for a HEAD, of which the server sends no content: middleware sees what a GET would do.
        guard let content = file.content else { return try await send(0..<file.byteCount) }
        try await context.features.responseBody?.write(content)
    }

    private func sendRange(_ range: Range<Int64>) async throws {
        response.statusCode = 206
        response.responseHeaders.append(contentsOf: file.fields)
        response.responseHeaders.set(id: .contentLength, decimal: range.upperBound - range.lowerBound)
        set(.contentRange, ByteRanges.contentRange(range, length: file.byteCount))
        try await send(range)
    }

    private func sendRanges(_ ranges: [Range<Int64>]) async throws {
        guard let body = context.features.responseBody else { return }
        let parts = MultipartByteRanges(
            ranges: ranges,
            completeLength: file.byteCount,
            contentType: Array(file.mediaType.utf8),
            boundary: (.random(in: 0 ... .max), .random(in: 0 ... .max))
        )
        response.statusCode = 206
        response.responseHeaders.append(contentsOf: file.fields)
        response.responseHeaders.set(id: .contentLength, decimal: parts.byteCount)
        set(.contentType, String(decoding: parts.mediaType, as: UTF8.self))
        for (index, range) in ranges.enumerated() {
            try await body.write(parts.partHead(index))
            try await send(range)
        }
        try await body.write(parts.closing)
    }

    /// Sends part of the file by its descriptor, or through the name the kernel gives that.
    private func send(_ range: Range<Int64>) async throws {
        let byteCount = range.upperBound - range.lowerBound
        if let sender = context.features[(any HTTPSendFileFeature).self] {
            try await sender.sendFile(
                descriptor: file.descriptor,
                offset: range.lowerBound,
                byteCount: byteCount
            )
        } else {
            try await context.features.responseBody?.sendFile(
                "/proc/self/fd/\(file.descriptor)",
                offset: range.lowerBound,
                byteCount: byteCount
            )
        }
    }

    private func set(_ id: FieldID, _ value: String) {
        do {
            try response.responseHeaders.set(id: id, value: value)
        } catch {
            preconditionFailure("the field \(id) made here is not valid: \(error)")
        }
    }
}
