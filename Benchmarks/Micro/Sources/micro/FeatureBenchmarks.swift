// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// Features, contexts, and what a handler asks of them.
enum FeatureBenchmarks {
    static let groups = [
        Group("features") {
            let request = FixedRequest()
            let features = FeatureCollection(defaults: request)
            features.request = request
            return [
                Benchmark("property") { count in
                    var total = 0
                    for _ in 0..<count { total &+= features.request?.knownMethod == .get ? 1 : 0 }
                    return total
                },
                Benchmark("by type, with a slot") { count in
                    var total = 0
                    for _ in 0..<count {
                        total &+= features[(any HTTPRequestFeature).self]?.knownMethod == .get ? 1 : 0
                    }
                    return total
                },
                Benchmark("by type, a default of the server") { count in
                    var total = 0
                    for _ in 0..<count {
                        let feature = features[(any HTTPMaxRequestBodySizeFeature).self]
                        total &+= feature?.isReadOnly == true ? 0 : 1
                    }
                    return total
                },
            ]
        },
        Group("context") {
            let features = FeatureCollection()
            let request = FixedRequest()
            features.request = request
            return [
                Benchmark("created, and kept for the next request") { count in
                    var total = 0
                    for _ in 0..<count {
                        features.reusable = HTTPContext(features: features)
                        total &+= features.reusable == nil ? 0 : 1
                    }
                    features.reusable = nil
                    return total
                },
                query(features, request, "?page=2", "query of 1 pair"),
                query(features, request, "?q=two+words&page=2&sort=caf%C3%A9&empty", "query of 4 pairs"),
            ]
        },
    ]

    private static func query(
        _ features: FeatureCollection,
        _ request: FixedRequest,
        _ text: String,
        _ name: String
    ) -> Benchmark {
        let context = HTTPContext(features: features)
        return Benchmark(name) { count in
            request.queryString = text
            var total = 0
            for _ in 0..<count { total &+= context.request.query.count }
            return total
        }
    }
}

/// A request that is always the same, as a server of its own might offer it.
private final class FixedRequest: HTTPRequestFeature, HTTPMaxRequestBodySizeFeature, FeatureDefaults {
    var method = "GET"
    var knownMethod: Method { .get }
    var scheme = "http"
    var pathBase = ""
    var path = "/plaintext"
    var queryString = ""
    var rawTarget = "/plaintext"
    var authority = "localhost"
    var protocolVersion = "HTTP/1.1"
    var requestHeaders = FieldSection()
    var isReadOnly: Bool { false }
    var maxRequestBodySize: Int64?

    func value(of name: String) -> String? { nil }
    func value(of field: FieldID) -> String? { nil }

    func defaultFeature(_ type: Any.Type) -> Any? {
        type == (any HTTPMaxRequestBodySizeFeature).self ? self : nil
    }
}
