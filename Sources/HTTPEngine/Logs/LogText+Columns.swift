// SPDX-License-Identifier: Apache-2.0

/// Whole columns; each prints `-` where there is nothing to print.
extension LogText {
    /// A peer's text as one column.
    mutating func appendColumn(_ bytes: UnsafeBufferPointer<UInt8>, escaping: Escaping = .column) {
        if bytes.isEmpty { return append(UInt8(ascii: "-")) }
        unsafe append(bytes, escaping: escaping)
    }

    /// A number; 0 is nothing.
    mutating func appendColumn(_ value: UInt64) {
        if value == 0 { return append(UInt8(ascii: "-")) }
        append(decimal: value)
    }

    /// A status of at most three digits, as HTTP.sys prints it; 0 is nothing.
    mutating func appendColumn(status: UInt16) {
        appendColumn(UInt64(min(status, 999)))
    }

    /// A version, as `LogVersion` describes.
    mutating func appendColumn(_ version: LogVersion) {
        if version == .unknown { return append(UInt8(ascii: "-")) }
        if version.major > 9 || version.minor > 9 { return append("HTTP/?.?") }
        append("HTTP/")
        append(decimal: UInt64(version.major))
        append(UInt8(ascii: "."))
        append(decimal: UInt64(version.minor))
    }

    /// An address without its port.
    ///
    /// An IPv6 scope of 0 is printed where `isScopeKept`, as `httperr` does.
    mutating func appendColumn(_ address: LogAddress, isScopeKept: Bool) {
        if !address.isPresent { return append(UInt8(ascii: "-")) }
        if address.isIPv4 { return appendIPv4(UInt32(truncatingIfNeeded: address.low)) }
        appendIPv6(address)
        if address.scope != 0 || isScopeKept {
            append(UInt8(ascii: "%"))
            append(decimal: UInt64(address.scope))
        }
    }

    private mutating func appendIPv4(_ bits: UInt32) {
        for shift: UInt32 in [24, 16, 8, 0] {
            append(decimal: UInt64((bits >> shift) & 0xFF))
            if shift != 0 { append(UInt8(ascii: ".")) }
        }
    }

    /// **Source**: RFC 5952 §4.
    private mutating func appendIPv6(_ address: LogAddress) {
        let zeros = address.zeroRun
        var index = 0
        while index < 8 {
            if index == zeros.lowerBound && !zeros.isEmpty {
                append("::")
                index = zeros.upperBound
                continue
            }
            if index > 0 && index != zeros.upperBound { append(UInt8(ascii: ":")) }
            appendGroup(address.group(index))
            index += 1
        }
    }

    private mutating func appendGroup(_ group: UInt16) {
        var isLeading = true
        for shift: UInt16 in [12, 8, 4, 0] {
            let nibble = UInt8(truncatingIfNeeded: group >> shift) & 15
            if nibble == 0 && isLeading && shift != 0 { continue }
            isLeading = false
            append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
        }
    }
}
