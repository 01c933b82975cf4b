// SPDX-License-Identifier: Apache-2.0

import URLPrefixes

/// Finding whose a request is.
enum RouteBenchmarks {
    static let groups = [
        Group("route") {
            [1, 100, 10_000, 100_000].map { paths($0) } + [1, 100_000].map { names($0) }
        }
    ]

    /// Requests that are looked up in turn: enough for the tables not to stay in the nearest cache.
    private static let requestCount = 4096

    /// By path, below one host wildcard: `http://+:80/app-N/`.
    private static func paths(_ prefixCount: Int) -> Benchmark {
        let snapshot = compile(prefixCount) { "http://+:80/app-\($0)/" }
        let paths = Texts(spread(prefixCount).map { "/app-\($0)/index.html" })
        let hostBytes = Array("www.example.com".utf8)
        return Benchmark("path, \(prefixCount) registered") { count in
            var total = 0
            let texts = paths.bytes.span
            let host = hostBytes.span
            for turn in 0..<count {
                let result = snapshot.lookup(
                    scheme: .http,
                    port: 80,
                    localAddress: nil,
                    host: host,
                    path: texts.extracting(paths.ranges[turn & (requestCount - 1)])
                )
                guard case .registration(let target, _) = result else { return -1 }
                total &+= Int(target)
            }
            return total
        }
    }

    /// By name and path: `http://site-N.example.com:80/`.
    private static func names(_ prefixCount: Int) -> Benchmark {
        let snapshot = compile(prefixCount) { "http://site-\($0).example.com:80/" }
        let hosts = Texts(spread(prefixCount).map { "site-\($0).example.com" })
        let pathBytes = Array("/index.html".utf8)
        return Benchmark("host name and path, \(prefixCount) registered") { count in
            var total = 0
            let texts = hosts.bytes.span
            let path = pathBytes.span
            for turn in 0..<count {
                let result = snapshot.lookup(
                    scheme: .http,
                    port: 80,
                    localAddress: nil,
                    host: texts.extracting(hosts.ranges[turn & (requestCount - 1)]),
                    path: path
                )
                guard case .registration(let target, _) = result else { return -1 }
                total &+= Int(target)
            }
            return total
        }
    }

    private static func compile(_ prefixCount: Int, _ text: (Int) -> String) -> RoutingSnapshot {
        var table = PrefixTable()
        for index in 0..<prefixCount {
            do {
                try table.register(URLPrefix(text(index)), target: Int32(index), by: .embedded)
            } catch {
                preconditionFailure("the benchmark's prefixes are valid: \(error)")
            }
        }
        return table.compile()
    }

    /// Numbers of prefixes in an order that no cache can guess, the same in each run.
    private static func spread(_ prefixCount: Int) -> [Int] {
        var state: UInt64 = 1
        return (0..<requestCount).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % prefixCount
        }
    }
}
