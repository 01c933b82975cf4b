// SPDX-License-Identifier: Apache-2.0

/// Says what a value must be, as in `a number from 1 to 100`.
struct SettingError: Error {
    let expected: String

    init(_ expected: String) { self.expected = expected }
}

/// Reads the values of settings: numbers, sizes, durations, switches.
enum SettingText {
    /// A decimal number within bounds.
    static func number<Number: FixedWidthInteger>(
        _ text: String,
        _ bounds: ClosedRange<Number>
    ) throws(SettingError) -> Number {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Number(text),
            bounds.contains(value)
        else { throw SettingError("a number from \(bounds.lowerBound) to \(bounds.upperBound)") }
        return value
    }

    /// A number of bytes: `65536`, `64KiB`, `30MB`.
    static func byteCount(_ text: String, _ bounds: ClosedRange<Int>) throws(SettingError) -> Int {
        let units = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("KB", 1000), ("MB", 1_000_000),
            ("GB", 1_000_000_000), ("", 1),
        ]
        for (unit, factor) in units where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count)
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let count = Int(digits)
            else { break }
            let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
            guard !overflow, bounds.contains(bytes) else { break }
            return bytes
        }
        throw SettingError(
            "a number of bytes from \(bounds.lowerBound) to \(bounds.upperBound), as in 65536, 64KiB or 2MB"
        )
    }

    /// A time: `50us`, `250ms`, `30s`, `2m`, `1h`; a bare number counts seconds.
    static func duration(_ text: String, _ bounds: ClosedRange<Duration>) throws(SettingError) -> Duration {
        let units = [
            ("us", 1), ("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000),
            ("", 1_000_000),
        ]
        for (unit, factor) in units where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count)
            guard !digits.isEmpty, digits.utf8.count <= 10,
                digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int64(digits)
            else { continue }
            let (microseconds, overflow) = count.multipliedReportingOverflow(by: Int64(factor))
            let value = Duration.microseconds(microseconds)
            guard !overflow, bounds.contains(value) else { break }
            return value
        }
        throw SettingError(
            "a time from \(bounds.lowerBound) to \(bounds.upperBound), as in 500ms, 30s, 2m or 1h"
        )
    }

    /// A switch: `yes`, `on`, `true`, `no`, `off` or `false`.
    static func flag(_ text: String) throws(SettingError) -> Bool {
        switch text {
        case "yes", "on", "true": true
        case "no", "off", "false": false
        default: throw SettingError("yes or no")
        }
    }

    /// An absolute path without a zero byte.
    static func path(_ text: String) throws(SettingError) -> String {
        guard text.hasPrefix("/"), text.utf8.count < 4096, !text.utf8.contains(0) else {
            throw SettingError("an absolute path, as in /run/httpring/control.sock")
        }
        return text
    }

    /// An access mode in octal: `0660`.
    static func mode(_ text: String) throws(SettingError) -> UInt32 {
        guard (3...4).contains(text.utf8.count), let mode = UInt32(text, radix: 8), mode <= 0o777 else {
            throw SettingError("an access mode in octal, as in 0660")
        }
        return mode
    }

    /// Up to 256 ports and addresses with ports, separated by commas: `8443, 10.0.0.5:443, [::1]:443`.
    static func listeningAddresses(_ text: String) throws(SettingError) -> [ListeningAddress] {
        let expected = SettingError(
            "up to 256 ports or addresses with ports, separated by commas, as in 8443, 10.0.0.5:443 or [::1]:443"
        )
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        guard words.count <= 256 else { throw expected }
        var addresses: [ListeningAddress] = []
        for word in words {
            let word = word.drop { $0 == " " || $0 == "\t" }
            let end = word.firstIndex { $0 == " " || $0 == "\t" } ?? word.endIndex
            guard word[end...].allSatisfy({ $0 == " " || $0 == "\t" }),
                let address = ListeningAddress(String(word[..<end]))
            else { throw expected }
            addresses.append(address)
        }
        return addresses
    }

    /// `none`, or what `read` makes of the text.
    static func optional<Value>(
        _ text: String,
        _ read: (String) throws(SettingError) -> Value
    ) throws(SettingError) -> Value? {
        if text == "none" { return nil }
        do {
            return try read(text)
        } catch {
            throw SettingError(error.expected + ", or none")
        }
    }
}
