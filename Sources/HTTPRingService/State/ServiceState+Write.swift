// SPDX-License-Identifier: Apache-2.0

import URLPrefixes

extension ServiceState {
    /// The first line of a state file.
    static let heading = "httpring-state 1"

    /// The state as text: a heading, a line for each thing, and a line with their number.
    ///
    /// Cost: copies one line for each reservation; 100,000 of them are about 5 MB.
    public func rendered() -> [UInt8] {
        var text = StateText()
        text.line([Self.heading])
        for record in reservations { text.line(record.line) }
        for address in listenAddresses { text.record(["listen", address.description]) }
        for timeout in ServiceTimeout.allCases {
            guard let seconds = timeouts[timeout] else { continue }
            text.record(["timeout", "\(timeout.rawValue)=\(seconds)"])
        }
        for parameter in CacheParameter.allCases {
            guard let value = cacheParameters[parameter] else { continue }
            text.record(["cacheparam", "\(parameter.rawValue)=\(value)"])
        }
        for binding in certificates {
            let words = CertificateSwitch.all.compactMap { option in
                binding.values[option.name].map { "\(option.name)=\($0)" }
            }
            text.record(["sslcert", binding.key.description] + words)
        }
        for queue in queues { text.record(queue.words) }
        let count = reservations.count + text.recordCount
        text.line(["end", "\(count)"])
        return text.bytes
    }
}

/// Lines of words under construction.
private struct StateText {
    var bytes: [UInt8] = []
    var recordCount = 0

    mutating func line(_ line: [UInt8]) {
        bytes += line
        bytes.append(UInt8(ascii: "\n"))
    }

    /// A line whose words need no escape.
    mutating func line(_ words: [String]) { line(Array(words.joined(separator: " ").utf8)) }

    mutating func record(_ words: [String]) {
        recordCount += 1
        for (index, word) in words.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: " ")) }
            StateWord.append(word, to: &bytes)
        }
        bytes.append(UInt8(ascii: "\n"))
    }
}

extension QueueDefinition {
    /// The words of the queue's line in the state file.
    var words: [String] {
        var words = ["queue", name, "length=\(lengthMax)", "verbosity=\(verbosity.text)"]
        words.append("enabled=\(isEnabled ? "yes" : "no")")
        if let unit { words.append("unit=\(unit)") }
        words.append("startup=\(startupSeconds)")
        // Left out where they have their defaults, so that an older service reads the file.
        if idleSeconds != 0 { words.append("idle=\(idleSeconds)") }
        if pingSeconds != 90 { words.append("ping=\(pingSeconds)") }
        words += access.map { "allow=\($0.text)" }
        words += prefixes.map { "url=\($0)" }
        return words
    }
}
