// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension Call {
    /// `/json` for HEAD; a GET never comes this far.
    func message() async throws {
        var json = JSONText()
        json.raw(#"{"message":"Hello, World!"}"#)
        try await reply(json)
    }

    /// `/status/N`.
    func status(_ parameter: Substring) async throws {
        let code = Int(try number(parameter, in: 200...599))
        response.statusCode = code
        switch code {
        case 300...399: set("Location", "/plaintext")
        case 401: set("WWW-Authenticate", #"Basic realm="test""#)
        case 405: set("Allow", "GET")
        default: break
        }
        if code == 204 || code == 205 || code == 304 { return }
        try await reply(code, "\(code)\n")
    }

    /// `/redirect/N`: one step nearer to 0, where the request's own method and length are told.
    func redirect(_ parameter: Substring) async throws {
        let left = try number(parameter, in: 0...1_000_000)
        guard left > 0 else {
            var byteCount = 0
            for try await piece in context.request.body { byteCount += piece.count }
            return try await reply("\(request.method) \(byteCount)\n")
        }
        let code = try queryNumber("code", standard: 302, in: 301...308)
        guard [301, 302, 303, 307, 308].contains(code) else { throw RouteError.badParameter }
        response.statusCode = Int(code)
        set("Location", "/redirect/\(left - 1)")
    }

    /// `/delay/MS`: a wait that holds no thread and ends with the client.
    func delay(_ parameter: Substring) async throws {
        let milliseconds = try number(parameter, in: 0...30000)
        try await Task.sleep(for: .milliseconds(milliseconds))
        try await reply("delayed\n")
    }

    /// `/close`.
    func close() async throws {
        if let lifetime = context.features[(any ConnectionLifetimeNotificationFeature).self] {
            lifetime.requestClose()
        } else {
            set("Connection", "close")
        }
        try await reply("closing\n")
    }

    /// `/stats`.
    func statistics() async throws {
        let reading = routes.statistics()
        var json = JSONText()
        json.raw(#"{"connections":"#)
        json.number(reading.connectionsOpen)
        json.raw(#","requests":"#)
        json.number(reading.requestsTotal)
        json.raw(#","streams":"#)
        json.number(reading.requestsInProgress)
        json.raw(#","rss":"#)
        json.number(reading.residentByteCount)
        json.raw("}")
        try await reply(json)
    }
}
