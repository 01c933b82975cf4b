// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// Settings of every Swift target: Swift 6 mode with the upcoming features the code is written for.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

/// Targets that hold no ring, no mapped memory and no C: every unsafe expression is spelled out.
let safeSettings: [SwiftSetting] = swiftSettings + [.strictMemorySafety()]

let package = Package(
    name: "HTTPRing",
    products: [
        .library(name: "HTTPRing", targets: ["HTTPRing"]),
        .library(name: "HTTP2", targets: ["HTTP2"]),
        .library(name: "HTTPSecure", targets: ["HTTPSecure"]),
        .library(name: "HTTPFeatures", targets: ["HTTPFeatures"]),
        .library(name: "HTTPMiddleware", targets: ["HTTPMiddleware"]),
        .library(name: "HTTPTestServer", targets: ["HTTPTestServer"]),
        .library(name: "HTTPWire", targets: ["HTTPWire"]),
        .library(name: "WebSockets", targets: ["WebSockets"]),
        .library(name: "URLPrefixes", targets: ["URLPrefixes"]),
        .library(name: "ResponseCache", targets: ["ResponseCache"]),
        .executable(name: "testapp", targets: ["testapp"]),
        .executable(name: "hello", targets: ["hello"]),
        .executable(name: "httpring", targets: ["httpring"]),
        .executable(name: "httpringd", targets: ["httpringd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(name: "CLinux", linkerSettings: [.linkedLibrary("uring")]),
        .target(name: "CFiles"),
        .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
        .target(name: "IORing", dependencies: ["CLinux"], swiftSettings: swiftSettings),
        .target(name: "HTTPWire", swiftSettings: safeSettings),
        .target(name: "URLPrefixes", swiftSettings: safeSettings),
        .target(
            name: "ResponseCache",
            dependencies: [
                "HTTPWire",
                .product(name: "HashTreeCollections", package: "swift-collections"),
            ],
            swiftSettings: safeSettings
        ),
        .target(
            name: "HTTPFeatures",
            dependencies: ["HTTPWire", .product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: safeSettings
        ),
        .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "HTTPSecure", dependencies: ["COpenSSL"], swiftSettings: swiftSettings),
        .target(name: "CNGHTTP2", linkerSettings: [.linkedLibrary("nghttp2")]),
        .target(name: "HTTP2", dependencies: ["CNGHTTP2", "HTTPWire"], swiftSettings: swiftSettings),
        .target(
            name: "WebSockets",
            dependencies: ["CZlib", "HTTPFeatures", "HTTPWire"],
            swiftSettings: safeSettings
        ),
        .target(name: "CQueueTransport"),
        .target(name: "QueueTransport", dependencies: ["CQueueTransport"], swiftSettings: swiftSettings),
        .target(
            name: "HTTPEngine",
            dependencies: [
                "IORing", "HTTPWire", "HTTPSecure", "HTTP2", "URLPrefixes", "ResponseCache", "HTTPFeatures",
                "QueueTransport",
            ],
            swiftSettings: swiftSettings
        ),
        .target(name: "HTTPRingControl", swiftSettings: swiftSettings),
        .target(
            name: "HTTPRing",
            dependencies: [
                "CFiles", "HTTP2", "HTTPEngine", "HTTPFeatures", "HTTPRingControl", "HTTPSecure", "HTTPWire",
                "IORing", "QueueTransport", "URLPrefixes", "ResponseCache",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "HTTPTestServer",
            dependencies: [
                "HTTPFeatures", "HTTPWire", .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: safeSettings
        ),
        .target(name: "CCompression"),
        .target(
            name: "HTTPMiddleware",
            dependencies: [
                "CCompression", "HTTPEngine", "HTTPFeatures", "HTTPWire", "ResponseCache", "URLPrefixes",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: safeSettings
        ),
        .target(
            name: "HTTPRingService",
            dependencies: [
                "HTTPEngine", "HTTPRingControl", "HTTPSecure", "IORing", "QueueTransport", "ResponseCache",
                "URLPrefixes",
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "httpringd",
            dependencies: [
                "HTTPRingService", "IORing",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "httpring",
            dependencies: [
                "HTTPRingService", "URLPrefixes",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(name: "hello", dependencies: ["HTTPRing"], swiftSettings: swiftSettings),
        .target(
            name: "TestAppRoutes",
            dependencies: ["HTTPFeatures", "HTTPWire", "ResponseCache", "WebSockets"],
            swiftSettings: safeSettings
        ),
        .executableTarget(
            name: "testapp",
            dependencies: [
                "HTTPRing", "TestAppRoutes", "HTTPFeatures",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "IORingTests",
            dependencies: ["IORing"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPWireTests",
            dependencies: ["HTTPWire"],
            resources: [.copy("Corpus")],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTP2Tests",
            dependencies: ["HTTP2", "CNGHTTP2", "HTTPWire", "TestKit"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPSecureTests",
            dependencies: ["HTTPSecure", "COpenSSL"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "URLPrefixesTests",
            dependencies: ["URLPrefixes"],
            resources: [.copy("Corpus")],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ResponseCacheTests",
            dependencies: ["ResponseCache", "HTTPWire"],
            resources: [.copy("Corpus")],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueueTransportTests",
            dependencies: ["CQueueTransport", "QueueTransport"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPEngineTests",
            dependencies: [
                "CNGHTTP2", "COpenSSL", "CQueueTransport", "HTTP2", "HTTPEngine", "HTTPFeatures",
                "HTTPMiddleware", "HTTPSecure",
                "HTTPWire", "IORing", "QueueTransport", "TestKit", "URLPrefixes",
            ],
            resources: [.copy("Logs/LogCorpus")],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "WebSocketsTests",
            dependencies: ["WebSockets", "HTTPTestServer", "HTTPFeatures", "HTTPWire"],
            resources: [.copy("Corpus")],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPTestServerTests",
            dependencies: ["HTTPTestServer", "HTTPFeatures", "HTTPWire"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "TestAppRoutesTests",
            dependencies: ["TestAppRoutes", "HTTPTestServer", "HTTPFeatures", "HTTPWire"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPRingTests",
            dependencies: [
                "HTTPRing", "HTTPMiddleware", "HTTPTestServer", "HTTPFeatures", "HTTPWire", "TestAppRoutes",
                "TestKit",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPMiddlewareTests",
            dependencies: [
                "CCompression", "HTTPMiddleware", "HTTPEngine", "HTTPFeatures", "HTTPTestServer", "HTTPWire",
                "ResponseCache", "URLPrefixes",
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.copy("Corpus")],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPRingServiceTests",
            dependencies: [
                "HTTPRingControl", "HTTPRingService", "HTTPEngine", "HTTPSecure", "IORing", "TestKit",
                "URLPrefixes", "httpring",
                "httpringd",
                "testapp",
            ],
            resources: [.copy("Corpus")],
            swiftSettings: swiftSettings
        ),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .target(name: "TestKit", path: "Tests/TestKit", swiftSettings: swiftSettings),
        .testTarget(
            name: "AllocationTests",
            dependencies: ["HTTPRing", "CAllocationCounter"],
            swiftSettings: swiftSettings
        ),
    ]
)
