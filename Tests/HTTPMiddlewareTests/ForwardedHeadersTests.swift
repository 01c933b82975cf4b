// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPMiddleware
import HTTPTestServer
import HTTPWire
import Testing
import URLPrefixes

@Suite("Forwarded headers")
struct ForwardedHeadersTests {
    private static func middleware(_ options: String) -> ForwardedHeaders {
        var forwarded = ForwardedHeaders()
        forwarded.knownProxies += ["10.0.0.0/8", "2001:db8:ffff::/48"]
        for option in options.split(separator: " ") {
            let parts = option.split(separator: "=").map { String($0) }
            switch (parts[0], parts.count > 1 ? parts[1] : "") {
            case ("limit", let value): forwarded.forwardLimit = Int(value)
            case ("known", let value): forwarded.knownProxies = value == "any" ? ["::/0"] : []
            case ("parts", let value): forwarded.parts = value == "all" ? .all : [.scheme]
            case ("hosts", let value): forwarded.allowedHosts = [value]
            case ("symmetric", _): forwarded.requiresSymmetry = true
            case ("unix", _): forwarded.trustsUnixSockets = true
            case ("forwarded", _): forwarded.usesForwarded = true
            default: Issue.record("no option is called \(option)")
            }
        }
        return forwarded
    }

    @Test("Known proxies are believed from the right, others never", arguments: Corpus.table("forwarded.tsv"))
    func corpus(_ row: Corpus.Row) async throws {
        var options = TestServerOptions()
        options.remoteAddress = row[1] == "unix" ? "" : row[1]
        let names = [
            "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded",
        ]
        let request = TestRequest("/path", headers: fieldLines(row[3]))
        let response = try await answer(request, options: options, Self.middleware(row[2])) { context in
            let lines = names.sorted().flatMap { name in
                context.request.headers.values(of: name).map { "\(name): \($0)" }
            }
            let facts = [
                context.connection.remoteAddress, String(context.connection.remotePort),
                context.request.scheme,
                context.request.authority, context.request.pathBase, lines.joined(separator: "|"),
            ]
            #expect(context.request.headers["Host"] == context.request.authority)
            let original = context.features[(any HTTPOriginalRequestFeature).self]
            let isChanged = row[3] != lines.joined(separator: "|")
            #expect((original != nil) == isChanged, "\(row)")
            if let original {
                #expect(original.remotePort == 54321)
                #expect(original.scheme == "http")
                #expect(original.authority == "localhost")
                #expect(original.pathBase == "")
            }
            try await context.response.write(facts.joined(separator: "\t"))
        }
        let expected = (4...9).map { row[$0] }
        // Lines are told in the order of their names.
        let left = expected[5].split(separator: "|").map { String($0) }
        let lines = names.sorted().flatMap { name in left.filter { $0.hasPrefix(name + ":") } }
        #expect(
            response.text == (expected[..<5] + [lines.joined(separator: "|")]).joined(separator: "\t"),
            "\(row)"
        )
    }

    @Test(
        "Blocks of addresses hold what their leading bits say (RFC 4632 §3.1)",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
            ("192.0.2.128/25", "192.0.2.128", true), ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1/32", "::ffff:192.0.2.1", true), ("::/0", "192.0.2.1", true),
            ("2001:db8::/32", "2001:db8:ffff::", true), ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
            ("::1", "::1", true), ("::1/128", "::2", false),
        ]
    )
    func blocks(_ block: String, _ address: String, _ isInside: Bool) throws {
        let network = try #require(IPNetwork(block))
        #expect(network.contains(try #require(IPAddressLiteral(address))) == isInside)
        #expect(IPNetwork(network.description) == network)
    }

    @Test(
        "A malformed block is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "2001:db8::1/32",
            "10.0.0.0/-1",
            "10.0.0.0/8/8", "10.0.0.0/+8", "localhost", "10.0.0/8", "[::1]", "10.0.0.0 /8", "::1/0128",
        ]
    )
    func malformedBlocks(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
