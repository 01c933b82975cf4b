// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension Call {
    /// `/stream?n=N&ms=M`: events that reach the client one by one.
    func stream() async throws {
        let count = try queryNumber("n", standard: 5, in: 0...1_000_000)
        let milliseconds = try queryNumber("ms", standard: 100, in: 0...60000)
        response.responseHeaders.append(id: .contentType, literal: "text/event-stream")
        response.responseHeaders.append(id: .cacheControl, literal: "no-store")
        try await body.start()
        guard !isHead else { return }
        for index in 0..<count {
            if index > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
            try await body.write("data: \(index)\n\n")
            try await body.flush()
            if context.isAborted { return }
        }
    }

    /// `/trailers`: a field that comes after the content, announced before it.
    func trailers() async throws {
        response.responseHeaders.append(id: .contentType, literal: "text/plain")
        let feature = context.features[(any HTTPResponseTrailersFeature).self]
        let canTrail = feature?.supportsTrailers == true
        if canTrail { response.responseHeaders.append(id: .trailer, literal: "X-Checksum") }
        try await body.start()
        if !isHead { try await body.write("body\n") }
        if canTrail { try feature?.responseTrailers.append(name: "X-Checksum", value: "ok") }
    }

    /// `/early-hints`: an interim response before the final one.
    func earlyHints() async throws {
        var hints = FieldSection()
        try hints.append(name: "Link", value: "</s.css>; rel=preload")
        try context.features[(any HTTPInterimResponseFeature).self]?.sendInterim(
            statusCode: 103,
            headers: hints
        )
        try await reply("ok\n")
    }
}
