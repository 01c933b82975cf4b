// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import URLPrefixes

extension ServiceState {
    /// Reads a state file's bytes.
    ///
    /// Strict: whatever `rendered()` does not write is refused, a file that was cut off and one with a word
    /// changed by hand into something else among them.
    ///
    /// - Parameters:
    ///   - bytes: the file.
    ///   - file: its name, for the error.
    /// - Returns: the state.
    /// - Throws: the first problem with its line.
    public static func parse(_ bytes: [UInt8], file: String) throws(FileProblem) -> ServiceState {
        try read(bytes, file: file).state
    }

    /// Reads a state file's bytes, and the table that its reservations made on the way.
    static func read(
        _ bytes: [UInt8],
        file: String
    ) throws(FileProblem) -> (state: ServiceState, table: PrefixTable) {
        var reader = StateReader(file: file)
        guard bytes.last == UInt8(ascii: "\n") else {
            let count = bytes.count { $0 == UInt8(ascii: "\n") } + 1
            throw FileProblem(file: file, line: count, words: "the last line is cut off" + StateReader.advice)
        }
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
            try reader.read(bytes[start..<end])
            start = end + 1
        }
        return try reader.finish()
    }
}

/// Reads one line after the other into a state.
private struct StateReader {
    static let advice =
        "; put back a copy of the file, or move it away to start with no reservations and bindings"

    let file: String
    private var state = ServiceState()
    private var table = PrefixTable()
    private var line = 0
    private var recordCount = 0
    private var hasEnded = false

    init(file: String) { self.file = file }

    private func problem(_ words: String) -> FileProblem {
        FileProblem(file: file, line: max(line, 1), words: words + Self.advice)
    }

    func finish() throws(FileProblem) -> (state: ServiceState, table: PrefixTable) {
        guard hasEnded else { throw problem("the line 'end' is missing: the file was cut off") }
        return (state, table)
    }

    mutating func read(_ bytes: ArraySlice<UInt8>) throws(FileProblem) {
        line += 1
        if hasEnded { throw problem("something follows the line 'end'") }
        if line == 1 {
            guard bytes.elementsEqual(ServiceState.heading.utf8) else {
                throw problem("the file does not begin with '\(ServiceState.heading)'")
            }
            return
        }
        let words = try split(bytes)
        if words[0] == "end" {
            guard words.count == 2, words[1] == "\(recordCount)" else {
                throw problem("'end' does not give the number of lines before it, \(recordCount)")
            }
            hasEnded = true
            return
        }
        recordCount += 1
        switch words[0] {
        case "reservation": try readReservation(words, bytes)
        case "listen": try readListen(words)
        case "timeout": try readTimeout(words)
        case "cacheparam": try readCacheParameter(words)
        case "sslcert": try readCertificate(words)
        case "queue": try readQueue(words)
        default: throw problem("a line cannot begin with '\(words[0].prefix(40))'")
        }
    }

    private func split(_ bytes: ArraySlice<UInt8>) throws(FileProblem) -> [String] {
        var words: [String] = []
        for slice in bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
            guard !slice.isEmpty, let word = StateWord.read(slice) else {
                throw problem("word \(words.count + 1) is empty or wrongly written")
            }
            words.append(word)
        }
        return words
    }

    private mutating func readReservation(_ words: [String], _ bytes: ArraySlice<UInt8>) throws(FileProblem) {
        guard words.count >= 2 else { throw problem("a reservation has no prefix") }
        var entries: [AccessControlList.Entry] = []
        for word in words[2...] {
            guard let entry = AccessControlList.Entry(text: word[...]) else {
                throw problem("'\(word.prefix(60))' is no access rule")
            }
            entries.append(entry)
        }
        let acl = AccessControlList(entries)
        do {
            let prefix = try URLPrefix(words[1])
            try table.reserve(prefix, acl: acl, by: .administrator)
            state.reservations.append(ReservationRecord(prefix: prefix, acl: acl, line: Array(bytes)))
        } catch {
            throw problem("\(error)")
        }
    }

    private mutating func readListen(_ words: [String]) throws(FileProblem) {
        guard words.count == 2, let address = IPAddressLiteral(words[1]),
            !state.listenAddresses.contains(address)
        else { throw problem("the listen address is none, or stands twice") }
        state.listenAddresses.append(address)
    }

    private mutating func readTimeout(_ words: [String]) throws(FileProblem) {
        guard words.count == 2, let (name, value) = Self.pair(words[1]),
            let timeout = ServiceTimeout(rawValue: name),
            let seconds = UInt16(value), seconds > 0, state.timeouts[timeout] == nil
        else { throw problem("the time-out is none, or stands twice") }
        state.timeouts[timeout] = seconds
    }

    private mutating func readCacheParameter(_ words: [String]) throws(FileProblem) {
        guard words.count == 2, let (name, value) = Self.pair(words[1]),
            let parameter = CacheParameter(rawValue: name), let number = UInt32(value),
            state.cacheParameters[parameter] == nil
        else { throw problem("the cache parameter is none, or stands twice") }
        state.cacheParameters[parameter] = number
    }

    private mutating func readCertificate(_ words: [String]) throws(FileProblem) {
        guard words.count >= 2, let key = CertificateKey(words[1]), key.description == words[1],
            !state.certificates.contains(where: { $0.key == key })
        else { throw problem("the certificate binding's key is none, or stands twice") }
        var values: [String: String] = [:]
        for word in words[2...] {
            guard let (name, value) = Self.pair(word), let option = CertificateSwitch.named(name),
                option.accepts(value), values[name] == nil
            else {
                throw problem(
                    "'\(word.prefix(60))' is no parameter of a certificate binding, or stands twice"
                )
            }
            values[name] = value
        }
        state.certificates.append(CertificateBinding(key: key, values: values))
    }

    private mutating func readQueue(_ words: [String]) throws(FileProblem) {
        guard words.count >= 2, QueueDefinition.isName(words[1]),
            !state.queues.contains(where: { $0.name == words[1] })
        else { throw problem("the queue's name is none, or stands twice") }
        var queue = QueueDefinition(name: words[1])
        for word in words[2...] {
            guard let (name, value) = Self.pair(word), queue.set(name, value) else {
                throw problem("'\(word.prefix(60))' is no property of a queue")
            }
        }
        state.queues.append(queue)
    }

    private static func pair(_ word: String) -> (name: String, value: String)? {
        guard let equals = word.firstIndex(of: "=") else { return nil }
        return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }
}

extension QueueDefinition {
    /// Sets one property by the name it has in the state file; returns whether there is such a one.
    mutating func set(_ name: String, _ value: String) -> Bool {
        func number(_ bounds: ClosedRange<Int>) -> Int? {
            Int(value).flatMap { bounds.contains($0) ? $0 : nil }
        }
        switch name {
        case "length": return assign(number(Self.lengths), to: \.lengthMax)
        case "verbosity": return assign(Verbosity503(text: value), to: \.verbosity)
        case "enabled": return assign(value == "yes" ? true : value == "no" ? false : nil, to: \.isEnabled)
        case "unit":
            unit = value
            return Self.isUnit(value)
        case "startup": return assign(number(Self.seconds), to: \.startupSeconds)
        case "idle": return assign(number(Self.seconds), to: \.idleSeconds)
        case "ping": return assign(number(Self.seconds), to: \.pingSeconds)
        case "allow":
            guard let subject = AccessControlList.Subject(text: value[...]) else { return false }
            access.append(subject)
            return true
        case "url":
            guard prefixes.count < Self.prefixesMax, let prefix = try? URLPrefix(value) else { return false }
            prefixes.append(prefix)
            return true
        default: return false
        }
    }

    private mutating func assign<Value>(_ value: Value?, to path: WritableKeyPath<Self, Value>) -> Bool {
        guard let value else { return false }
        self[keyPath: path] = value
        return true
    }

    /// Whether a text may name a unit of systemd's: `shop.service`, `shop@1.service`.
    public static func isUnit(_ text: String) -> Bool {
        isName(text.count > 64 ? "" : text) && (text.hasSuffix(".service") || text.hasSuffix(".socket"))
    }
}
