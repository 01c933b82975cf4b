// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension Call {
    /// `/headers`: the request as it came.
    func requestHeaders() async throws {
        let connection = context.connection
        let isIPv6 = connection.remoteAddress.utf8.contains(UInt8(ascii: ":"))
        let host = isIPv6 ? "[\(connection.remoteAddress)]" : connection.remoteAddress
        var json = JSONText()
        json.raw(#"{"method":"#)
        json.string(request.method)
        json.raw(#","target":"#)
        json.string(request.rawTarget)
        json.raw(#","version":"#)
        json.string(String(request.protocolVersion.dropFirst("HTTP/".count)))
        json.raw(#","scheme":"#)
        json.string(request.scheme)
        json.raw(#","authority":"#)
        json.string(request.authority)
        json.raw(#","client":"#)
        json.string("\(host):\(connection.remotePort)")
        json.raw(#","headers":"#)
        json.fields(request.requestHeaders)
        json.raw("}")
        try await reply(json)
    }

    /// `/response-headers?a=1&b=2`: one field for each pair of the query.
    ///
    /// What HTTP does not allow in a field is refused by the field section, and the answer is 400. So are the
    /// fields that would change how the message is framed.
    func responseHeaders() async throws {
        var fields = FieldSection()
        for (name, value) in context.request.query {
            do {
                try fields.append(name: name, value: value)
            } catch {
                throw RouteError.badParameter
            }
        }
        guard !fields.contains(id: .contentLength), !fields.contains(id: .transferEncoding) else {
            throw RouteError.badParameter
        }
        response.responseHeaders = fields
    }

    /// `/big-header/N`.
    func bigHeader(_ parameter: Substring) async throws {
        let byteCount = try number(parameter, in: 0...60000)
        set("X-Big", String(repeating: "a", count: Int(byteCount)))
        try await reply("ok\n")
    }

    /// `/many-headers/N`.
    func manyHeaders(_ parameter: Substring) async throws {
        let count = try number(parameter, in: 0...500)
        for index in 0..<count { set("X-H-\(index)", String(index)) }
        try await reply("ok\n")
    }

    /// `/set-cookies`: two field lines that no one may join.
    func setCookies() async throws {
        response.responseHeaders.append(id: .setCookie, literal: "a=1; Path=/")
        response.responseHeaders.append(id: .setCookie, literal: "b=2; Path=/")
        try await reply("ok\n")
    }
}
