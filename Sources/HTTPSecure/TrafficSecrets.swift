// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

/// The two secrets that the keys of a TLS 1.3 connection's data come from (RFC 8446 §7.1).
///
/// OpenSSL hands them out in the form of a key log, one line of text for each.
final class TrafficSecrets {
    /// Whose records a secret is for.
    enum Side: Int {
        case client
        case server
    }

    /// The longest secret, of SHA-384.
    static let byteCountMax = 48

    // SAFETY: 2 × 48 bytes, wiped and freed by `deinit`; a side's are read only once it is known.
    private let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * byteCountMax, alignment: 8)
    private var byteCounts = (client: 0, server: 0)

    deinit {
        OPENSSL_cleanse(bytes.baseAddress, bytes.count)
        bytes.deallocate()
    }

    /// Whether both are known and of the length of a hash.
    func areComplete(byteCount: Int) -> Bool { byteCounts == (byteCount, byteCount) }

    /// A side's secret.
    func secret(_ side: Side) -> UnsafeMutableRawBufferPointer {
        let count = side == .client ? byteCounts.client : byteCounts.server
        let start = side.rawValue * Self.byteCountMax
        return UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + count])
    }

    /// Whose secret a line of the key log is; `nil` for those that are of no use here.
    ///
    /// **Shape**: `SERVER_TRAFFIC_SECRET_0 <client random> <secret>`, the latter two in hexadecimal.
    static func side(ofLine line: UnsafePointer<CChar>) -> Side? {
        if strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0 { return .client }
        return strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0 ? .server : nil
    }

    /// Keeps the secret of a line.
    func take(_ line: UnsafePointer<CChar>, for side: Side) {
        guard let space = strrchr(line, Int32(UInt8(ascii: " "))) else { return }
        let digits = UnsafePointer(space) + 1
        let count = strlen(digits) / 2
        guard count <= Self.byteCountMax else { return }
        for index in 0..<count {
            guard let high = Self.digit(digits[2 * index]), let low = Self.digit(digits[2 * index + 1]) else {
                return
            }
            bytes[side.rawValue * Self.byteCountMax + index] = high << 4 | low
        }
        switch side {
        case .client: byteCounts.client = count
        case .server: byteCounts.server = count
        }
    }

    private static func digit(_ character: CChar) -> UInt8? {
        switch UInt8(bitPattern: character) {
        case let digit where digit >= UInt8(ascii: "0") && digit <= UInt8(ascii: "9"):
            digit - UInt8(ascii: "0")
        case let digit where digit >= UInt8(ascii: "a") && digit <= UInt8(ascii: "f"):
            digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
