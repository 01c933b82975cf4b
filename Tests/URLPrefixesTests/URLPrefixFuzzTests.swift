// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import URLPrefixes

@Suite("Mutated prefix texts")
struct URLPrefixFuzzTests {
    private static let seeds = [
        "http://+:80/vroot/", "https://*:443/", "http://*.contoso.com:8080/a/b/",
        "http://[3ffe:ffff::6ECB:0101]:80/",
        "http://10.0.0.4:80/x", "http://b\u{FC}cher.example./\u{C4}ra/", "http://localhost:0/",
        "http://h/a//b/%2F/c",
    ]
    private static let pieces = [
        ":", "/", "//", "://", ".", "..", "*", "*.", "+", "[", "]", "::", "@", "?", "%", "0", "00", "65536",
        "xn--", "-",
        "\u{0}", "\u{FC}", "\u{130}", "\u{212A}", "\u{23A}", "\u{1F600}", "\u{3002}", "\u{308}", " ", "255",
        "1.2.3.4", "/../",
    ]

    @Test("Each mutation is refused with words or prints, parses and routes as itself", arguments: 0..<8)
    func mutations(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(100 + seed))
        var accepted = 0
        for _ in 0..<700 {
            let text = mutate(Self.seeds[seed], &generator)
            guard let prefix = try? URLPrefix(text, allowingPortZero: true) else { continue }
            accepted += 1
            let again = try URLPrefix(prefix.description, allowingPortZero: true)
            #expect(again == prefix)
            #expect(Array(again.description.utf8) == Array(prefix.description.utf8))
            try expectRoutesToItself(prefix.port == 0 ? prefix.withPort(1) : prefix)
        }
        #expect(accepted > 0)
    }

    private func mutate(_ seed: String, _ generator: inout SeededGenerator) -> String {
        var scalars = Array(seed.unicodeScalars)
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let index = Int.random(in: 0...scalars.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                let piece = Self.pieces.randomElement(using: &generator) ?? ""
                scalars.insert(contentsOf: piece.unicodeScalars, at: index)
            case 1 where index < scalars.count:
                scalars.remove(at: index)
            default:
                scalars.insert(contentsOf: scalars[index...].prefix(3), at: index)
            }
        }
        return String(String.UnicodeScalarView(scalars))
    }

    private func expectRoutesToItself(_ prefix: URLPrefix) throws {
        var table = PrefixTable()
        try table.register(prefix, target: 5, by: .embedded)
        let snapshot = table.compile()
        var local: IPAddressLiteral?
        var host = "any.example"
        switch prefix.host {
        case .name(let name): host = String(decoding: HostName.asciiForm(name), as: UTF8.self)
        case .subdomainWildcard(let suffix):
            host = "x." + String(decoding: HostName.asciiForm(suffix), as: UTF8.self)
        case .address(let address): local = address
        case .strongWildcard, .weakWildcard: break
        }
        let expected = RouteResult.registration(target: 5, pathByteCount: prefix.path.utf8.count - 1)
        let result = snapshot.lookup(
            prefix.scheme,
            prefix.port,
            local: local,
            host: host,
            path: prefix.path + "x"
        )
        #expect(result == expected, "\(prefix)")
    }

    @Test("Random bytes as host and path never trap, and a root takes what begins with a slash")
    func randomRequests() throws {
        var generator = SeededGenerator(seed: 9)
        var table = PrefixTable()
        for (index, text) in ["http://*:80/", "http://*.b:80/\u{E4}/a/", "http://a.b:80/a/a/a/"].enumerated()
        {
            try table.register(try URLPrefix(text), target: Int32(index), by: .embedded)
        }
        let snapshot = table.compile()
        let alphabet: [UInt8] = [0x2F, 0x2E, 0x61, 0x41, 0x62, 0xC3, 0xA4, 0x84, 0xFF, 0x00, 0xE2]
        for _ in 0..<5000 {
            func random(_ most: Int) -> [UInt8] {
                (0..<Int.random(in: 0...most, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator) ?? 0
                }
            }
            let (host, path) = (random(9), [0x2F] + random(20))
            let result = snapshot.lookup(
                scheme: .http,
                port: 80,
                localAddress: nil,
                host: host.span,
                path: path.span
            )
            guard case .registration(_, let count) = result else {
                Issue.record("\(host) \(path) was not routed: \(result)")
                continue
            }
            #expect(count == path.count || path[count] == 0x2F)
        }
    }
}
