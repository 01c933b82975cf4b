// SPDX-License-Identifier: Apache-2.0

extension URLPrefix {
    /// Parses `text`, which must name a port from 1 to 65535 or none.
    ///
    /// Throws a `URLPrefixError` that says what is wrong. Cost: a few allocations; not for the request path.
    public init(_ text: String) throws(URLPrefixError) {
        try self.init(text, allowingPortZero: false)
    }

    /// Parses `text`; port 0, "choose one for me", is accepted when `allowingPortZero` is true.
    ///
    /// Throws a `URLPrefixError` that says what is wrong.
    public init(_ text: String, allowingPortZero: Bool) throws(URLPrefixError) {
        var parser = URLPrefixParser(text)
        let scheme = try parser.takeScheme()
        let (host, port) = try parser.takeAuthority(scheme: scheme, allowingPortZero: allowingPortZero)
        let path = try parser.takePath()
        self.init(scheme: scheme, host: host, port: port, path: path)
    }
}

/// Cuts a prefix text into its parts, from left to right.
private struct URLPrefixParser {
    let text: String
    private var rest: ArraySlice<UInt8>

    init(_ text: String) {
        self.text = text
        self.rest = Array(text.utf8)[...]
    }

    private func error(_ code: URLPrefixError.Code, _ reason: String) -> URLPrefixError {
        URLPrefixError(code: code, text: text, reason: reason)
    }

    mutating func takeScheme() throws(URLPrefixError) -> URLPrefix.Scheme {
        let colon = UInt8(ascii: ":")
        let slash = UInt8(ascii: "/")
        let separator = rest.indices.first { index in
            rest[index] == colon && rest[index...].starts(with: [colon, slash, slash])
        }
        guard let separator else {
            throw error(.missingSchemeSeparator, "there is no '://' after a scheme.")
        }
        let name = String(decoding: rest[..<separator], as: UTF8.self).lowercased()
        rest = rest[(separator + 3)...]
        guard let scheme = URLPrefix.Scheme.allCases.first(where: { $0.description == name }) else {
            throw error(.unsupportedScheme, "only the schemes http and https are supported.")
        }
        return scheme
    }

    mutating func takeAuthority(
        scheme: URLPrefix.Scheme,
        allowingPortZero: Bool
    ) throws(URLPrefixError) -> (URLPrefix.Host, UInt16) {
        let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        var host = rest[..<end]
        rest = rest[end...]
        var port = scheme.defaultPort
        // The colons of an IPv6 address are inside brackets: the port's comes after the last bracket.
        let afterBracket = host.lastIndex(of: UInt8(ascii: "]")) ?? host.startIndex
        if let colon = host[afterBracket...].lastIndex(of: UInt8(ascii: ":")) {
            port = try parsePort(
                host[(colon + 1)...],
                allowingZero: allowingPortZero,
                hostIsEmpty: colon == host.startIndex
            )
            host = host[..<colon]
        }
        guard !host.isEmpty else {
            throw error(.emptyHost, "the host is missing; write '+' or '*' for every host.")
        }
        return (try parseHost(host), port)
    }

    private func parsePort(
        _ digits: ArraySlice<UInt8>,
        allowingZero: Bool,
        hostIsEmpty: Bool
    ) throws(URLPrefixError) -> UInt16 {
        guard !hostIsEmpty else {
            throw error(.emptyHost, "the host is missing; write '+' or '*' for every host.")
        }
        let isDecimal = digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isDecimal, let port = UInt16(String(decoding: digits, as: UTF8.self)) else {
            throw error(.invalidPort, "the port must be a decimal number from 1 to 65535.")
        }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else {
            throw error(.invalidPort, "the port must not have a leading zero.")
        }
        guard port != 0 || allowingZero else {
            throw error(.invalidPort, "port 0 is no port to listen on; the port must be from 1 to 65535.")
        }
        return port
    }

    private func parseHost(_ host: ArraySlice<UInt8>) throws(URLPrefixError) -> URLPrefix.Host {
        let name = String(decoding: host, as: UTF8.self)
        if name == "+" { return .strongWildcard }
        if name == "*" { return .weakWildcard }
        if host.first == UInt8(ascii: "[") {
            guard host.last == UInt8(ascii: "]"), host.count > 2,
                let address = IPAddressLiteral(ipv6: Array(host.dropFirst().dropLast()))
            else {
                throw error(
                    .invalidHost,
                    "'\(name)' is not an IPv6 address in brackets, such as [::1]; zones are not supported."
                )
            }
            return .address(address)
        }
        if let address = IPAddressLiteral(ipv4: Array(host)) { return .address(address) }
        if host.starts(with: Array("*.".utf8)) {
            return .subdomainWildcard(suffix: try parseName(host.dropFirst(2)))
        }
        return .name(try parseName(host))
    }

    private func parseName(_ bytes: ArraySlice<UInt8>) throws(URLPrefixError) -> String {
        let name = String(decoding: bytes, as: UTF8.self)
        switch HostName.check(name) {
        case .success(let name): return name
        case .failure(let problem): throw error(.invalidHost, problem.reason)
        }
    }

    mutating func takePath() throws(URLPrefixError) -> String {
        let slash = UInt8(ascii: "/")
        var path = Array(rest)
        if path.last != slash { path.append(slash) }
        guard path.count <= URLPrefix.pathBytesMax else {
            throw error(.tooLong, "the path has more than \(URLPrefix.pathBytesMax) bytes.")
        }
        guard path.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw error(.invalidPath, "the path holds a control character.")
        }
        let segments = path.split(separator: slash, omittingEmptySubsequences: false)
        guard segments.count <= URLPrefix.pathSegmentsMax + 2 else {
            throw error(.tooLong, "the path has more than \(URLPrefix.pathSegmentsMax) segments.")
        }
        for segment in segments where segment == [0x2E] || segment == [0x2E, 0x2E] {
            throw error(
                .invalidPath,
                "'.' and '..' are removed from requests, so that this path never matches."
            )
        }
        return String(decoding: path, as: UTF8.self)
    }
}
