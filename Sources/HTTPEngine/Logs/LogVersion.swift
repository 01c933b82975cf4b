// SPDX-License-Identifier: Apache-2.0
package import HTTPWire

/// The protocol version of a request as the logs print it.
///
/// **Shape**: `HTTP/1.1`; a part of ten or more makes the whole `HTTP/?.?`; 0.0, which no request that was
/// understood has, is printed as `-`.
package struct LogVersion: Equatable, Sendable {
    /// The number before the dot.
    package var major: UInt8
    /// The number after the dot.
    package var minor: UInt8

    /// Creates a version from its parts.
    package init(major: UInt8, minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    /// No version was read before the request failed.
    package static var unknown: LogVersion { LogVersion(major: 0, minor: 0) }

    /// Creates the version of a request that was understood; HTTP/2 is printed `HTTP/2.0`.
    package init(_ version: HTTPVersion) {
        self.init(major: version.rawValue / 10, minor: version.rawValue % 10)
    }
}
