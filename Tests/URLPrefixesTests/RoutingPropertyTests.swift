// SPDX-License-Identifier: Apache-2.0

import Testing
import URLPrefixes

/// Routing as the HTTP Server API's text describes it, entry by entry, without any index.
private struct NaiveRouter {
    struct Entry {
        let prefix: URLPrefix
        let target: Int32?
    }

    var entries: [Entry] = []

    func lookup(
        _ scheme: URLPrefix.Scheme,
        _ port: UInt16,
        local: IPAddressLiteral?,
        host: String,
        path: String
    ) -> RouteResult {
        let onPort = entries.filter { $0.prefix.scheme == scheme && $0.prefix.port == port }
        var hostIsKnown = false
        // The explicit and the address-bound bucket have an order within: one group of entries each.
        for rank in 0..<200 {
            let group = onPort.filter { self.rank($0.prefix.host, host, local) == rank }
            if group.isEmpty { continue }
            hostIsKnown = true
            let matches = group.compactMap { entry in byteCount(entry.prefix.path, path).map { (entry, $0) } }
            guard let best = matches.map(\.0.prefix.path.unicodeScalars.count).max() else { continue }
            let longest = matches.filter { $0.0.prefix.path.unicodeScalars.count == best }
            for case (let entry, let count) in longest {
                if let target = entry.target { return .registration(target: target, pathByteCount: count) }
            }
            return .reserved
        }
        return hostIsKnown ? .pathUnknown : .hostUnknown
    }

    /// The place of a matching prefix host in the order of search, or nil.
    private func rank(_ prefixHost: URLPrefix.Host, _ host: String, _ local: IPAddressLiteral?) -> Int? {
        var host = host.lowercased()
        if host.hasSuffix(".") { host.removeLast() }
        switch prefixHost {
        case .strongWildcard: return 0
        case .name(let name): return name == host ? 1 : nil
        case .subdomainWildcard(let suffix):
            let matches = host.hasSuffix("." + suffix) && host.count > suffix.count + 1
            return matches ? 100 - suffix.count : nil
        case .address(let address):
            guard let local else { return nil }
            if address == local { return 150 }
            return address.isUnspecified && address.isIPv4 == local.isIPv4 ? 151 : nil
        case .weakWildcard: return 160
        }
    }

    /// The bytes of `path` that a prefix path takes, compared scalar by scalar in lower case.
    private func byteCount(_ prefixPath: String, _ path: String) -> Int? {
        let wanted = prefixPath.unicodeScalars.dropLast()
        let given = path.unicodeScalars
        guard given.first == "/" || given.isEmpty, given.count >= wanted.count else { return nil }
        for (left, right) in zip(wanted, given)
        where left.properties.lowercaseMapping != right.properties.lowercaseMapping {
            return nil
        }
        let rest = given.dropFirst(wanted.count)
        guard rest.isEmpty || rest.first == "/" else { return nil }
        return String(String.UnicodeScalarView(given.prefix(wanted.count))).utf8.count
    }
}

@Suite("Routing against a naive router")
struct RoutingPropertyTests {
    private static let prefixHosts = [
        "+", "*", "h", "a.b.c", "*.b.c", "*.c", "b.c", "10.0.0.1", "[::2]", "0.0.0.0", "[::]",
        "long-host-name.example.com",
    ]
    private static let hosts = [
        "", "h", "H", "h.", "a.b.c", "A.b.C", "x.b.c", "y.x.b.c", "b.c", "c", ".c", "10.0.0.1", "other",
        "Long-Host-Name.example.com",
    ]
    private static let segments = [
        "a", "A", "b", "ab", "seven77", "eight888", "nine99999", "\u{E4}", "\u{C4}", "\u{23A}", "\u{2C65}",
        "a b", "", "%2F",
    ]
    private static let locals = [
        nil, IPAddressLiteral("10.0.0.1"), IPAddressLiteral("10.0.0.2"), IPAddressLiteral("::2"),
        IPAddressLiteral("::3"),
    ]

    @Test("The snapshot agrees with the naive router on random tables and requests", arguments: 0..<8)
    func agreement(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<12 {
            var table = PrefixTable()
            var naive = NaiveRouter()
            for target in 0..<Int32.random(in: 1...24, using: &generator) {
                let port = [80, 8080].randomElement(using: &generator) ?? 80
                let host = Self.prefixHosts.randomElement(using: &generator) ?? "+"
                let path = randomPath(upTo: 3, &generator)
                let prefix = try URLPrefix("http://\(host):\(port)\(path)")
                if Bool.random(using: &generator) || Bool.random(using: &generator) {
                    guard (try? table.register(prefix, target: target, by: .embedded)) != nil else {
                        continue
                    }
                    naive.entries.append(.init(prefix: prefix, target: target))
                } else {
                    guard (try? table.reserve(prefix, acl: AccessControlList([]), by: .embedded)) != nil
                    else { continue }
                    naive.entries.append(.init(prefix: prefix, target: nil))
                }
            }
            let snapshot = table.compile()
            for _ in 0..<60 {
                let port: UInt16 = Bool.random(using: &generator) ? 80 : 8080
                let host = Self.hosts.randomElement(using: &generator) ?? ""
                let path = randomPath(upTo: 5, &generator)
                let local = Self.locals.randomElement(using: &generator) ?? nil
                let expected = naive.lookup(.http, port, local: local, host: host, path: path)
                let result = snapshot.lookup(.http, port, local: local, host: host, path: path)
                #expect(result == expected, "\(host) \(path) in \(naive.entries.map(\.prefix))")
            }
        }
    }

    private func randomPath(upTo count: Int, _ generator: inout SeededGenerator) -> String {
        var path = ""
        for _ in 0..<Int.random(in: 0...count, using: &generator) {
            path += "/" + (Self.segments.randomElement(using: &generator) ?? "")
        }
        return Bool.random(using: &generator) || path.isEmpty ? path + "/" : path
    }

    @Test("Each of two thousand prefixes on as many hosts and ports is found, and none other")
    func scale() throws {
        var table = PrefixTable()
        for index in 0..<2000 {
            let prefix = try URLPrefix(
                "http://h\(index).example:\(8000 + index % 50)/app\(index)/v\(index % 3)/"
            )
            try table.register(prefix, target: Int32(index), by: .embedded)
        }
        let snapshot = table.compile()
        for index in 0..<2000 {
            let port = UInt16(8000 + index % 50)
            let path = "/app\(index)/v\(index % 3)"
            let result = snapshot.lookup(.http, port, host: "H\(index).Example", path: path + "/x")
            #expect(result == .registration(target: Int32(index), pathByteCount: path.utf8.count))
            #expect(snapshot.lookup(.http, port + 1, host: "h\(index).example", path: path) == .hostUnknown)
        }
    }
}
