// SPDX-License-Identifier: Apache-2.0

/// A version of HTTP, as major × 10 + minor.
public enum HTTPVersion: UInt8, Comparable, CaseIterable, Sendable {
    /// HTTP/1.0.
    case http10 = 10
    /// HTTP/1.1.
    case http11 = 11
    /// HTTP/2.
    case http2 = 20
    /// HTTP/3.
    case http3 = 30

    /// The version as an HTTP/1 message or a log writes it, such as `HTTP/1.1`.
    public var text: StaticString {
        switch self {
        case .http10: "HTTP/1.0"
        case .http11: "HTTP/1.1"
        case .http2: "HTTP/2"
        case .http3: "HTTP/3"
        }
    }

    /// Whether the left version is older.
    public static func < (left: HTTPVersion, right: HTTPVersion) -> Bool {
        left.rawValue < right.rawValue
    }
}
