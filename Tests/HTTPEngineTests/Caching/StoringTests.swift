// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire
import Testing

@testable import HTTPEngine

/// A response a handler gives, and whether the next client gets it from the cache (httpsys.md §11).
struct CachingCase: Sendable, CustomTestStringConvertible {
    let name: String
    let status: Int
    let fields: [(String, String)]
    let isCached: Bool

    init(
        _ name: String,
        _ isCached: Bool,
        status: Int = 200,
        type: String? = "text/plain",
        _ fields: (String, String)...
    ) {
        self.name = name
        self.status = status
        self.fields = fields + (type.map { [("Content-Type", $0)] } ?? [])
        self.isCached = isCached
    }

    var testDescription: String { name }

    private static let store = ("Cache-Control", "public, max-age=60")
    private static let future = "Fri, 31 Dec 2100 23:59:59 GMT"
    private static let past = "Sun, 06 Nov 1994 08:49:37 GMT"

    static let all = [
        CachingCase("no Cache-Control", false),
        CachingCase("public alone", false, ("Cache-Control", "public")),
        CachingCase("max-age without public", false, ("Cache-Control", "max-age=60")),
        CachingCase("private", false, ("Cache-Control", "private, max-age=60")),
        CachingCase("max-age", true, store),
        CachingCase("max-age, huge", true, ("Cache-Control", "public, max-age=99999999999")),
        CachingCase("max-age 0", false, ("Cache-Control", "public, max-age=0")),
        CachingCase("s-maxage", true, ("Cache-Control", "public, s-maxage=60")),
        CachingCase("s-maxage over max-age 0", true, ("Cache-Control", "public, max-age=0, s-maxage=60")),
        CachingCase("s-maxage 0 over max-age", false, ("Cache-Control", "public, max-age=60, s-maxage=0")),
        CachingCase("Expires", true, ("Cache-Control", "public"), ("Expires", future)),
        CachingCase("Expires in the past", false, ("Cache-Control", "public"), ("Expires", past)),
        CachingCase("max-age over past Expires", true, store, ("Expires", past)),
        CachingCase("Expires: 0", false, ("Cache-Control", "public"), ("Expires", "0")),
        CachingCase("Expires: -1", false, ("Cache-Control", "public"), ("Expires", "-1")),
        CachingCase("Expires without public", false, ("Expires", future)),
        CachingCase("no Content-Type", false, type: nil, store),
        CachingCase("Set-Cookie", false, store, ("Set-Cookie", "a=b")),
        CachingCase("Vary", false, store, ("Vary", "Accept")),
        CachingCase("Pragma", false, store, ("Pragma", "x")),
        CachingCase("201", true, status: 201, store),
        CachingCase("206", false, status: 206, store),
        CachingCase("301", true, status: 301, store),
        CachingCase("304", false, status: 304, store),
        CachingCase("404", true, status: 404, store),
        CachingCase("500", true, status: 500, store),
        CachingCase("Age, replayed", true, store, ("Age", "5")),
    ]
}

extension EngineSuites {
    @Suite("caching: what is stored")
    struct Storing {
        @Test(
            "A response is stored, or not, as HTTP.sys does (httpsys.md §11.1–§11.3)",
            arguments: [Setup.oneLoop, .twoLoops]
        )
        func rules(setup: Setup) async throws {
            let count = Tally()
            try await TestEngine.run(
                TestSettings(setup),
                handler: { context in
                    let item = CachingCase.all[Int(context.request.path.dropFirst()) ?? 0]
                    context.response.statusCode = item.status
                    for (name, value) in item.fields {
                        try context.response.headers.append(name: name, value: value)
                    }
                    let number = count.add()
                    if item.status != 304 { try await context.response.write("\(number)") }
                },
                { (server) async throws in
                    for (index, item) in CachingCase.all.enumerated() {
                        let before = (count.count, server.statistics.cacheHits)
                        var texts: Set<String> = []
                        // The third and fourth come from connections of their own, perhaps on another loop.
                        let client = try server.client()
                        for other in [client, client, try server.client(), try server.client()] {
                            let response = try other.exchange(server.get("/\(index)"))
                            #expect(response.status == item.status, "\(item.name)")
                            for (name, value) in item.fields {
                                #expect(response[name] == value, "\(item.name)")
                            }
                            texts.insert(response.text)
                        }
                        #expect(count.count - before.0 == (item.isCached ? 1 : 4), "\(item.name)")
                        #expect(
                            server.statistics.cacheHits - before.1 == (item.isCached ? 3 : 0),
                            "\(item.name)"
                        )
                        if item.isCached { #expect(texts.count == 1, "\(item.name)") }
                    }
                }
            )
        }

        @Test("How a response is written decides, too: one send, not flushed, whole (httpsys.md §11.2)")
        func forms() async throws {
            let count = Tally()
            try await TestEngine.run(
                handler: { context in
                    count.add()
                    let response = context.response
                    try response.headers.append(name: "Cache-Control", value: "public, max-age=60")
                    try response.headers.append(name: "Content-Type", value: "text/plain")
                    switch context.request.path {
                    case "/flush-first":
                        try await response.flush()
                        try await response.write("a")
                    case "/flush-after":
                        try await response.write("a")
                        try await response.flush()
                    case "/trailers":
                        var trailers = FieldSection()
                        try trailers.append(name: "X", value: "y")
                        try context.feature((any HTTPResponseTrailersFeature).self).responseTrailers =
                            trailers
                        try await response.write("a")
                    case "/disabled":
                        try context.feature((any HTTPResponseCachingFeature).self).cachePolicy = .disabled
                        try await response.write("a")
                    case "/length":
                        response.contentLength = 1
                        try await response.write("a")
                    case "/throws":
                        try await response.write("a")
                        throw HandlerFailure()
                    case "/empty": break
                    default:
                        try await response.write("a")
                        try await response.write("b")
                    }
                },
                { (server) async throws in
                    let cases = [
                        ("/flush-first", false), ("/flush-after", false), ("/disabled", false),
                        ("/trailers", false),
                        ("/throws", false), ("/length", true), ("/empty", true), ("/two-writes", true),
                    ]
                    for (target, isCached) in cases {
                        let before = count.count
                        let client = try server.client()
                        let first = try client.exchange(server.get(target))
                        let second = try client.exchange(server.get(target))
                        #expect(first.body == second.body, "\(target)")
                        #expect(count.count - before == (isCached ? 1 : 2), "\(target)")
                    }
                }
            )
        }

        @Test("A response's own policy: a time to live stores without Cache-Control, Vary or not")
        func policies() async throws {
            let count = Tally()
            try await TestEngine.run(
                handler: { context in
                    let feature = try context.feature((any HTTPResponseCachingFeature).self)
                    switch context.request.path {
                    case "/ttl": feature.cachePolicy = .timeToLive(.seconds(60))
                    case "/zero": feature.cachePolicy = .timeToLive(.zero)
                    case "/short": feature.cachePolicy = .timeToLive(.milliseconds(900))
                    case "/max": feature.cachePolicy = .timeToLive(.seconds(Int64.max))
                    default: feature.cachePolicy = .userInvalidates
                    }
                    try context.response.headers.append(name: "Content-Type", value: "text/plain")
                    try context.response.headers.append(name: "Vary", value: "Accept")
                    try await context.response.write("\(count.add())")
                },
                { (server) async throws in
                    let client = try server.client()
                    for (target, isCached) in [
                        ("/ttl", true), ("/max", true), ("/user", true), ("/zero", false), ("/short", false),
                    ] {
                        let first = try client.exchange(server.get(target, "Accept: a")).text
                        #expect(
                            (try client.exchange(server.get(target, "Accept: b")).text == first) == isCached,
                            "\(target)"
                        )
                    }
                }
            )
        }

        @Test(
            "A large content written at once has a length and is stored, to 256 KiB with its head (httpsys.md §11.2)",
            arguments: [(16_384, true), (100_000, true), (261_000, true), (262_145, false)],
            [false, true]
        )
        func largeContent(_ size: (byteCount: Int, isStored: Bool), _ declaresLength: Bool) async throws {
            let count = Tally()
            let content = [UInt8](repeating: UInt8(ascii: "x"), count: size.byteCount)
            let handler: TestEngine.Handler = { context in
                count.add()
                try context.response.headers.append(name: "Cache-Control", value: "public, max-age=60")
                try context.response.headers.append(name: "Content-Type", value: "text/plain")
                if declaresLength { context.response.contentLength = Int64(content.count) }
                try await context.response.write(content)
            }
            try await TestEngine.run(handler: handler) { (server) async throws in
                let client = try server.client()
                for _ in 0..<3 {
                    let response = try client.exchange(server.get("/large"))
                    #expect(response["Content-Length"] == "\(size.byteCount)")
                    #expect(response.body == content)
                }
                #expect(count.count == (size.isStored ? 1 : 3))
            }
        }
    }
}
