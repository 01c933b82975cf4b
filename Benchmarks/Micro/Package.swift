// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "Micro",
    dependencies: [
        .package(name: "HTTPRing", path: "../..")
    ],
    targets: [
        // A link to the counter of the allocation tests.
        .target(name: "CAllocationCounter"),
        .executableTarget(
            name: "micro",
            dependencies: [
                "CAllocationCounter",
                .product(name: "HTTPFeatures", package: "HTTPRing"),
                .product(name: "HTTPWire", package: "HTTPRing"),
                .product(name: "ResponseCache", package: "HTTPRing"),
                .product(name: "URLPrefixes", package: "HTTPRing"),
            ],
            swiftSettings: swiftSettings
        ),
    ]
)
