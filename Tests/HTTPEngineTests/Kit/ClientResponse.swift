// SPDX-License-Identifier: Apache-2.0

/// A response as a client reads it off the wire.
struct ClientResponse {
    var version = ""
    var status = 0
    var reason = ""
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []
    var trailers: [(name: String, value: String)] = []
    /// Sizes of the chunks, where there were any.
    var chunkByteCounts: [Int] = []

    /// The values of a field, joined as RFC 9110 §5.2 has it.
    subscript(_ name: String) -> String? {
        let values = fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    var text: String { String(decoding: body, as: UTF8.self) }
    var isChunked: Bool { self["Transfer-Encoding"]?.lowercased() == "chunked" }
    var closes: Bool { self["Connection"]?.lowercased() == "close" }
}

extension Client {
    /// Reads one response, interim ones included, with the framing of RFC 9112 §6.3; to HEAD, none has content.
    func readResponse(to method: String = "GET") throws -> ClientResponse {
        guard let response = try readResponseIfAny(to: method) else {
            throw ClientError.ended(connectionEnd ?? .orderly)
        }
        return response
    }

    /// The same, or `nil` when the connection ended before its first byte.
    func readResponseIfAny(to method: String = "GET") throws -> ClientResponse? {
        guard try fill(1) else { return nil }
        guard let line = try takeLine() else { throw ClientError.malformed("the end inside a status line") }
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].hasPrefix("HTTP/1."), parts[1].count == 3, let status = Int(parts[1])
        else {
            throw ClientError.malformed(line)
        }
        var response = ClientResponse()
        response.version = String(parts[0])
        response.status = status
        response.reason = String(parts[2])
        response.fields = try readFields()
        if method != "HEAD", status >= 200, status != 204, status != 304 { try readBody(&response) }
        return response
    }

    /// Sends a request and reads its response.
    func exchange(_ request: String, method: String = "GET") throws -> ClientResponse {
        try send(request)
        return try readResponse(to: method)
    }

    private func readFields() throws -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        while true {
            guard let line = try takeLine() else {
                throw ClientError.malformed("the end inside a field section")
            }
            if line.isEmpty { return fields }
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
                throw ClientError.malformed(line)
            }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields.append((String(line[..<colon]), String(value)))
        }
    }

    private func readBody(_ response: inout ClientResponse) throws {
        let lengths = response.fields.filter { $0.name.lowercased() == "content-length" }
        if response["Transfer-Encoding"] != nil {
            guard lengths.isEmpty, response.isChunked else {
                throw ClientError.malformed("framing: \(response.fields)")
            }
            try readChunks(&response)
        } else if let length = lengths.first {
            guard lengths.count == 1, let count = Int(length.value), count >= 0 else {
                throw ClientError.malformed("Content-Length: \(lengths)")
            }
            guard try fill(count) else { throw ClientError.ended(connectionEnd ?? .orderly) }
            response.body = take(count)
        } else {
            let (bytes, end) = try readToEnd()
            guard end == .orderly else { throw ClientError.ended(end) }
            response.body = bytes
        }
    }

    private func readChunks(_ response: inout ClientResponse) throws {
        while true {
            guard let line = try takeLine() else { throw ClientError.ended(connectionEnd ?? .orderly) }
            guard let count = Int(line, radix: 16), count >= 0 else {
                throw ClientError.malformed("chunk size \(line)")
            }
            if count == 0 {
                response.trailers = try readFields()
                return
            }
            guard try fill(count) else { throw ClientError.ended(connectionEnd ?? .orderly) }
            response.body += take(count)
            response.chunkByteCounts.append(count)
            guard try takeLine() == "" else { throw ClientError.malformed("no line end behind a chunk") }
        }
    }
}
