// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// The programs that the pages of docs/ quote, as a package that uses HTTPRing the way any other does.
let package = Package(
    name: "examples",
    dependencies: [
        .package(name: "HTTPRing", path: "../.."),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        .executableTarget(
            name: "options",
            dependencies: [.product(name: "HTTPRing", package: "HTTPRing")]
        ),
        .executableTarget(
            name: "prefixes",
            dependencies: [.product(name: "HTTPRing", package: "HTTPRing")]
        ),
        .executableTarget(
            name: "sockets",
            dependencies: [.product(name: "HTTPRing", package: "HTTPRing")]
        ),
        .executableTarget(
            name: "proxied",
            dependencies: [
                .product(name: "HTTPMiddleware", package: "HTTPRing"),
                .product(name: "HTTPRing", package: "HTTPRing"),
            ]
        ),
        .executableTarget(
            name: "tls",
            dependencies: [
                .product(name: "HTTPMiddleware", package: "HTTPRing"),
                .product(name: "HTTPRing", package: "HTTPRing"),
            ]
        ),
        .executableTarget(
            name: "websockets",
            dependencies: [
                .product(name: "HTTPRing", package: "HTTPRing"),
                .product(name: "WebSockets", package: "HTTPRing"),
            ]
        ),
        .executableTarget(
            name: "caching",
            dependencies: [.product(name: "HTTPRing", package: "HTTPRing")]
        ),
        .executableTarget(
            name: "lifecycle",
            dependencies: [
                .product(name: "HTTPRing", package: "HTTPRing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "HandlerTests",
            dependencies: [
                .product(name: "HTTPFeatures", package: "HTTPRing"),
                .product(name: "HTTPTestServer", package: "HTTPRing"),
            ]
        ),
    ]
)
