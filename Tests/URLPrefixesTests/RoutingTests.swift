// SPDX-License-Identifier: Apache-2.0

import Testing
import URLPrefixes

@Suite("Routing (HTTP Server API, Routing Incoming Requests)")
struct RoutingTests {
    @Test("Worked examples route as listed", arguments: try Corpus.cases("routing.txt"))
    func worked(example: ScriptCase) throws {
        var table = PrefixTable()
        var names: [String] = []
        for step in example.steps where step[0] == "entry" {
            try #require(step.count == 4)
            let prefix = try URLPrefix(step[3])
            if step[2] == "R" {
                try table.register(prefix, target: Int32(names.count), by: .embedded)
            } else {
                try table.reserve(prefix, acl: AccessControlList([]), by: .administrator)
            }
            names.append(step[1])
        }
        let snapshot = table.compile()
        for step in example.steps where step[0] == "request" {
            try #require(step.count == 7)
            let words = step.map { $0 == "-" ? "" : $0 }
            let local = IPAddressLiteral(words[1])
            try #require(words[1].isEmpty || local != nil)
            let scheme = words[2] == "https" ? URLPrefix.Scheme.https : .http
            let port = try #require(UInt16(words[3]))
            let result = snapshot.lookup(scheme, port, local: local, host: words[4], path: words[5])
            #expect(describe(result, names) == words[6], "\(step.joined(separator: " "))")
        }
    }

    private func describe(_ result: RouteResult, _ names: [String]) -> String {
        switch result {
        case .registration(let target, let byteCount): "\(names[Int(target)]):\(byteCount)"
        case .reserved: "reserved"
        case .hostUnknown: "hostUnknown"
        case .pathUnknown: "pathUnknown"
        }
    }

    @Test("The local address is asked for once, and only where an address-bound prefix may decide")
    func localAddress() throws {
        var table = PrefixTable()
        try table.register(try URLPrefix("http://*:80/"), target: 0, by: .embedded)
        #expect(!table.compile().hasAddressBoundPrefixes)
        try table.register(try URLPrefix("http://h:81/"), target: 1, by: .embedded)
        try table.register(try URLPrefix("http://10.0.0.4:81/"), target: 2, by: .embedded)
        let snapshot = table.compile()
        #expect(snapshot.hasAddressBoundPrefixes)
        var asked = 0
        func address() -> IPAddressLiteral? {
            asked += 1
            return IPAddressLiteral("10.0.0.4")
        }
        let (path, known, other) = (Array("/".utf8), Array("h".utf8), Array("x".utf8))
        _ = snapshot.lookup(
            scheme: .http,
            port: 80,
            localAddress: address(),
            host: known.span,
            path: path.span
        )
        _ = snapshot.lookup(
            scheme: .http,
            port: 81,
            localAddress: address(),
            host: known.span,
            path: path.span
        )
        #expect(asked == 0)
        let result = snapshot.lookup(
            scheme: .http,
            port: 81,
            localAddress: address(),
            host: other.span,
            path: path.span
        )
        #expect(asked == 1)
        #expect(result == .registration(target: 2, pathByteCount: 0))
    }

    @Test("A snapshot knows the prefix of a target in its own spelling and does not see later changes")
    func immutability() throws {
        var table = PrefixTable()
        let prefix = try URLPrefix("http://H:80/Dir/")
        try table.register(prefix, target: 7, by: .embedded)
        let snapshot = table.compile()
        let removed = table.unregister(prefix)
        #expect(removed)
        #expect(snapshot.prefix(ofTarget: 7)?.description == "http://h:80/Dir/")
        #expect(snapshot.prefix(ofTarget: 8) == nil)
        #expect(
            snapshot.lookup(.http, 80, host: "h", path: "/dir") == .registration(target: 7, pathByteCount: 4)
        )
        #expect(table.compile().lookup(.http, 80, host: "h", path: "/dir") == .hostUnknown)
    }

    @Test("Hosts and paths of any length and bytes are answered, not trapped on")
    func hostileInput() throws {
        var table = PrefixTable()
        for (index, text) in [
            "http://*.b.example:80/a/b/", "http://\u{FC}.example:80/\u{FC}/", "http://*:80/x/",
        ].enumerated() {
            try table.register(try URLPrefix(text), target: Int32(index), by: .embedded)
        }
        let snapshot = table.compile()
        let texts: [[UInt8]] = [
            [], [0], [0xFF], [0x2E], [0xC3], Array(repeating: 0x2E, count: 70_000),
            Array(repeating: 0xC3, count: 5000),
            Array(repeating: 0x2F, count: 70_000), Array(repeating: 0x61, count: 70_000),
            [0x2F] + Array(repeating: 0xC3, count: 70_000), [0x2F, 0xC3], [0x2F, 0xED, 0xA0, 0x80],
            [0x2F, 0xF4, 0x90, 0x80, 0x80],
            [0x2F] + (0..<2000).flatMap { _ in [0xC8, 0xBA] as [UInt8] },
        ]
        for host in texts {
            for path in texts {
                let result = snapshot.lookup(
                    scheme: .http,
                    port: 80,
                    localAddress: nil,
                    host: host.span,
                    path: path.span
                )
                #expect(result == .pathUnknown)
            }
        }
    }

    @Test("A longest possible path in the longest-growing letters matches itself")
    func longestFoldedPath() throws {
        var table = PrefixTable()
        let path = "/" + String(repeating: "\u{23A}", count: (URLPrefix.pathBytesMax - 2) / 2) + "/"
        try table.register(try URLPrefix("http://h:80" + path), target: 0, by: .embedded)
        let snapshot = table.compile()
        let expected = RouteResult.registration(target: 0, pathByteCount: path.utf8.count - 1)
        #expect(snapshot.lookup(.http, 80, host: "h", path: path) == expected)
        #expect(snapshot.lookup(.http, 80, host: "h", path: path + "more/\u{FC}") == expected)
        #expect(snapshot.lookup(.http, 80, host: "h", path: path.dropLast() + "\u{23A}") == .pathUnknown)
    }
}
