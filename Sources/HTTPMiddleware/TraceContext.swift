// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// Where a request stands in a distributed trace: the trace, the caller's span, and a new span for this server.
///
/// **Shape** of `traceparent`: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`: version, trace, parent, flags,
/// in lower case. Refused are zeros for trace or parent, version `ff`, capitals, and anything behind the
/// flags of version `00`. Source: W3C Trace Context (2021) §3.2, §3.3.
public struct TraceContext: Sendable, Equatable {
    /// The trace, 16 bytes as two numbers; never zero.
    public let traceHigh: UInt64
    /// The second half of the trace.
    public let traceLow: UInt64
    /// The caller's span; `nil` where the trace begins here.
    public let parentSpan: UInt64?
    /// The span of this request; never zero.
    public let span: UInt64
    /// The flags; bit 0 says that the caller may have recorded the trace.
    public let flags: UInt8
    /// What tracing systems pass on, as it came and valid; `nil` for nothing.
    public let state: String?

    /// Whether the caller may have recorded the trace.
    public var isSampled: Bool { flags & 1 != 0 }
    /// The trace's identifier, 32 digits.
    public var traceID: String { Self.hexadecimal(traceHigh, 16) + Self.hexadecimal(traceLow, 16) }
    /// The identifier of this request's span, 16 digits.
    public var spanID: String { Self.hexadecimal(span, 16) }
    /// The value of `traceparent` for requests made on behalf of this one.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(Self.hexadecimal(UInt64(flags), 2))" }

    /// Begins a trace.
    public init(random: inout some RandomNumberGenerator) {
        traceHigh = .random(in: 0...UInt64.max, using: &random)
        traceLow = .random(in: 1...UInt64.max, using: &random)
        span = .random(in: 1...UInt64.max, using: &random)
        parentSpan = nil
        flags = 0
        state = nil
    }

    /// Goes on with the caller's trace; `nil` where `traceparent` is malformed, so that a new one is begun.
    ///
    /// A malformed `tracestate` is dropped alone. Of versions over `00` the part is read that `00` has.
    ///
    /// - Parameters:
    ///   - traceparent: the field's value; a request with several of them has none.
    ///   - tracestate: the field's lines joined by commas, at most 512 characters and 32 members.
    ///   - random: makes the span.
    public init?(traceparent: String, tracestate: String?, random: inout some RandomNumberGenerator) {
        let bytes = traceparent.utf8.span
        guard bytes.count >= 55, let version = Self.number(bytes, 0..<2), version != 0xff else { return nil }
        guard bytes.count == 55 || (version > 0 && bytes[55] == UInt8(ascii: "-")) else { return nil }
        for offset in [2, 35, 52] where bytes[offset] != UInt8(ascii: "-") { return nil }
        guard let high = Self.number(bytes, 3..<19), let low = Self.number(bytes, 19..<35), high | low != 0,
            let parent = Self.number(bytes, 36..<52), parent != 0, let flags = Self.number(bytes, 53..<55)
        else { return nil }
        traceHigh = high
        traceLow = low
        parentSpan = parent
        span = .random(in: 1...UInt64.max, using: &random)
        // Bits that are not assigned are not passed on (§3.2.2.5); those of the second edition are 1 and 2.
        self.flags = UInt8(truncatingIfNeeded: flags) & 3
        state = tracestate.flatMap(Self.validState)
    }

    /// A number in lower-case hexadecimal digits.
    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var value: UInt64 = 0
        for offset in range {
            switch bytes[offset] {
            case let byte where byte &- 0x30 < 10: value = value << 4 | UInt64(byte - 0x30)
            case let byte where byte &- 0x61 < 6: value = value << 4 | UInt64(byte - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }

    private static func hexadecimal(_ value: UInt64, _ count: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: count - digits.count) + digits
    }

    // MARK: tracestate

    /// The list without empty members, nil where a member is malformed or a key is there twice (§3.3.1).
    private static func validState(_ text: String) -> String? {
        guard text.utf8.count <= 1024 else { return nil }
        var keys: Set<Substring> = []
        var members: [Substring] = []
        for member in text.split(separator: ",", omittingEmptySubsequences: true) {
            var member = member
            while let first = member.utf8.first, first == 0x20 || first == 0x09 {
                member = member.dropFirst()
            }
            while let last = member.utf8.last, last == 0x20 || last == 0x09 { member = member.dropLast() }
            if member.isEmpty { continue }
            guard members.count < 32, let equals = member.utf8.firstIndex(of: UInt8(ascii: "=")) else {
                return nil
            }
            let (key, value) = (member[..<equals], member[member.utf8.index(after: equals)...])
            guard isKey(key), isValue(value), keys.insert(key).inserted else { return nil }
            members.append(member)
        }
        return members.isEmpty ? nil : members.joined(separator: ",")
    }

    /// `simple-key / tenant-id "@" system-id` (§3.3.1.3.1).
    private static func isKey(_ key: Substring) -> Bool {
        let parts = key.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        func isPart(_ part: Substring.UTF8View, _ countMax: Int, digitFirst: Bool) -> Bool {
            guard let first = part.first, part.count <= countMax else { return false }
            guard (0x61...0x7a).contains(first) || (digitFirst && (0x30...0x39).contains(first)) else {
                return false
            }
            return part.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || "_-*/".utf8.contains($0)
            }
        }
        switch parts.count {
        case 1: return isPart(parts[0], 256, digitFirst: false)
        case 2: return isPart(parts[0], 241, digitFirst: true) && isPart(parts[1], 14, digitFirst: false)
        default: return false
        }
    }

    /// Up to 256 characters, none of them a comma, an equals sign or a control, no space last (§3.3.1.3.2).
    private static func isValue(_ value: Substring) -> Bool {
        (1...256).contains(value.utf8.count)
            && value.utf8.allSatisfy { (0x20...0x7e).contains($0) && $0 != 0x2c && $0 != 0x3d }
    }
}
