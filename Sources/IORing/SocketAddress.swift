// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The address of one end of a connection, or to listen on.
///
/// Text: `192.0.2.1:80`, `[2001:db8::1]:80`, `unix:/run/app.sock`; an unnamed Unix peer is `unix:`. An IPv4 address
/// that a socket of IPv6 shows mapped (`::ffff:192.0.2.1`) is read as the IPv4 address that it is.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// What kind of address it is.
    public enum Family: UInt8, Sendable {
        /// IPv4.
        case ipv4
        /// IPv6.
        case ipv6
        /// A Unix stream socket.
        case unix
    }

    /// What kind of address it is.
    public let family: Family
    /// The port; 0 for a Unix socket.
    public let port: UInt16
    /// The interface of a link-local IPv6 address; else 0.
    public let scope: UInt32
    /// The first 64 bits of the address as a number; an IPv4 address has its mapped form, `::ffff:a.b.c.d`.
    public let high: UInt64
    /// The last 64 bits of the address as a number; the lower half is the IPv4 address.
    public let low: UInt64
    /// The path of a Unix socket, `@` in front of an abstract name; `nil` for an unnamed one and for IP.
    public let path: String?

    private init(family: Family, high: UInt64, low: UInt64, port: UInt16, scope: UInt32, path: String?) {
        self.family = family
        self.high = high
        self.low = low
        self.port = port
        self.scope = scope
        self.path = path
    }

    /// Makes an IPv4 address from its number, as 0x7F000001 for 127.0.0.1.
    public init(ipv4: UInt32, port: UInt16) {
        self.init(family: .ipv4, high: 0, low: Self.mapped | UInt64(ipv4), port: port, scope: 0, path: nil)
    }

    /// Makes an IPv6 address from the two halves of its number; a mapped IPv4 address becomes one of IPv4.
    public init(ipv6High high: UInt64, low: UInt64, port: UInt16, scope: UInt32 = 0) {
        let isMapped = high == 0 && low >> 32 == Self.mapped >> 32
        self.init(family: isMapped ? .ipv4 : .ipv6, high: high, low: low, port: port, scope: scope, path: nil)
    }

    /// Makes the address of a Unix socket; a path that begins with `@` is an abstract name.
    public init(unixPath path: String?) {
        self.init(family: .unix, high: 0, low: 0, port: 0, scope: 0, path: path)
    }

    /// Reads an IP address without brackets or port, as `127.0.0.1` or `::1`; `nil` for anything else.
    public init?(ip text: String, port: UInt16) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(ipv4: UInt32(bigEndian: four.s_addr), port: port)
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let (high, low) = Self.halves(of: six)
        self.init(ipv6High: high, low: low, port: port)
    }

    /// Every IPv4 address of the machine, `0.0.0.0`.
    public static func anyIPv4(port: UInt16) -> SocketAddress { SocketAddress(ipv4: 0, port: port) }

    /// Every IPv6 address of the machine, `::`.
    public static func anyIPv6(port: UInt16) -> SocketAddress {
        SocketAddress(family: .ipv6, high: 0, low: 0, port: port, scope: 0, path: nil)
    }

    /// The IPv4 loopback address, `127.0.0.1`.
    public static func loopback(port: UInt16) -> SocketAddress {
        SocketAddress(ipv4: 0x7F00_0001, port: port)
    }

    /// The same address with another port.
    public func with(port: UInt16) -> SocketAddress {
        SocketAddress(family: family, high: high, low: low, port: port, scope: scope, path: path)
    }

    /// The IPv4 address as a number; `nil` for another family.
    public var ipv4: UInt32? { family == .ipv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whether the address stands for every address of the machine.
    public var isAny: Bool {
        family != .unix && (family == .ipv4 ? UInt32(truncatingIfNeeded: low) == 0 : high | low == 0)
    }

    /// The address without port and brackets, as `192.0.2.1`, `2001:db8::1`, or the path; empty when unnamed.
    ///
    /// IPv6 is written as RFC 5952 says. Cost: makes a string.
    public var host: String {
        switch family {
        case .unix: return path ?? ""
        case .ipv4:
            let value = UInt32(truncatingIfNeeded: low)
            return "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
        case .ipv6:
            var address = in6_addr()
            withUnsafeMutableBytes(of: &address) { bytes in
                bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
                guard let base = buffer.baseAddress,
                    inet_ntop(AF_INET6, &address, base, socklen_t(INET6_ADDRSTRLEN)) != nil
                else { return "" }
                return scope == 0 ? String(cString: base) : "\(String(cString: base))%\(scope)"
            }
        }
    }

    /// The address as text, with its port.
    public var description: String {
        switch family {
        case .unix: "unix:\(host)"
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        }
    }

    private static let mapped: UInt64 = 0x0000_FFFF_0000_0000

    private static func halves(of address: in6_addr) -> (high: UInt64, low: UInt64) {
        withUnsafeBytes(of: address) { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}

// SAFETY: in what follows `sockaddr_storage` is large enough and aligned for every address that is stored in it or
// loaded from it, and lengths the kernel gives are held against its size.
extension SocketAddress {
    /// The longest path of a Unix socket, in bytes (`sun_path` less its end).
    static let pathByteCountMax = 107

    /// Reads what the kernel wrote; `nil` for a family that is not known.
    init?(_ storage: sockaddr_storage, length: socklen_t) {
        switch Int32(storage.ss_family) {
        case AF_INET:
            let address = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in.self) }
            self.init(
                ipv4: UInt32(bigEndian: address.sin_addr.s_addr),
                port: UInt16(bigEndian: address.sin_port)
            )
        case AF_INET6:
            let address = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in6.self) }
            let (high, low) = Self.halves(of: address.sin6_addr)
            self.init(
                ipv6High: high,
                low: low,
                port: UInt16(bigEndian: address.sin6_port),
                scope: address.sin6_scope_id
            )
        case AF_UNIX:
            self.init(unixPath: Self.path(storage, length: Int(length)))
        default:
            return nil
        }
    }

    private static func path(_ storage: sockaddr_storage, length: Int) -> String? {
        let offset = MemoryLayout<sa_family_t>.size
        guard length > offset else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            let name = bytes[offset..<min(length, offset + pathByteCountMax + 1)]
            guard name.first == 0 else {
                return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            }
            return "@" + String(decoding: name.dropFirst(), as: UTF8.self)
        }
    }

    /// Calls `body` with the address as the kernel wants it; `nil` when a path is too long or has a zero byte.
    func withKernelAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result? {
        var storage = sockaddr_storage()
        guard let length = write(to: &storage) else { return nil }
        return withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
        }
    }

    private func write(to storage: inout sockaddr_storage) -> Int? {
        withUnsafeMutableBytes(of: &storage) { bytes -> Int? in
            switch family {
            case .ipv4:
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = port.bigEndian
                address.sin_addr.s_addr = UInt32(truncatingIfNeeded: low).bigEndian
                bytes.storeBytes(of: address, as: sockaddr_in.self)
                return MemoryLayout<sockaddr_in>.size
            case .ipv6:
                var address = sockaddr_in6()
                address.sin6_family = sa_family_t(AF_INET6)
                address.sin6_port = port.bigEndian
                address.sin6_scope_id = scope
                bytes.storeBytes(of: address, as: sockaddr_in6.self)
                let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) ?? 8
                bytes.storeBytes(of: high.bigEndian, toByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
                return MemoryLayout<sockaddr_in6>.size
            case .unix:
                return writePath(to: bytes)
            }
        }
    }

    private func writePath(to bytes: UnsafeMutableRawBufferPointer) -> Int? {
        var name = Array((path ?? "").utf8)
        let isAbstract = name.first == UInt8(ascii: "@")
        guard !name.isEmpty, name.count <= Self.pathByteCountMax, !name.contains(0) else { return nil }
        if isAbstract {
            name[0] = 0
        }
        let offset = MemoryLayout<sa_family_t>.size
        bytes.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
        for (index, byte) in name.enumerated() {
            bytes[offset + index] = byte
        }
        return offset + name.count + (isAbstract ? 0 : 1)
    }
}
