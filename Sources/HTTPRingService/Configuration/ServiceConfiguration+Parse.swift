// SPDX-License-Identifier: Apache-2.0

extension ServiceConfiguration {
    /// The most bytes a configuration file may have.
    public static let fileBytesMax = 1 << 20

    /// Reads a configuration file's text.
    ///
    /// Shape: lines `[section]`, `key = value`, `# comment` and empty ones. A value may stand in double quotes,
    /// and must where it begins or ends with a space or has a `#`. `[control]` and `socket-mode = 0660` are
    /// accepted; `socket_mode = 0660` is refused, as is every key that is not in `ConfigurationSetting.all`,
    /// stands twice, or has no section.
    ///
    /// - Parameters:
    ///   - text: the file's bytes.
    ///   - file: its name, for errors.
    /// - Returns: the configuration.
    /// - Throws: all problems, each with its line.
    public static func parse(_ text: [UInt8], file: String) throws(ConfigurationError) -> ServiceConfiguration
    {
        var reader = ConfigurationReader(file: file)
        guard text.count <= fileBytesMax else {
            reader.note(1, "the file has more than \(fileBytesMax) bytes; is it the right file?")
            throw ConfigurationError(reader.problems)
        }
        var number = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            guard let words = String(validating: line, as: UTF8.self) else {
                reader.note(number, "the line is not UTF-8; write the file in UTF-8")
                continue
            }
            reader.read(words, number)
        }
        guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
        return reader.configuration
    }

    /// The text of a configuration file that says what is so anyway, each key with its meaning.
    public static var annotatedDefaults: String {
        var text =
            "# httpringd's configuration. Every key is shown with its default; what is left out has it.\n"
        var section = ""
        for setting in ConfigurationSetting.all {
            if setting.section != section {
                section = setting.section
                text += "\n[\(section)]\n"
            }
            text += "# \(setting.help)\n\(setting.key) = \(setting.standard)\n"
        }
        return text
    }
}

/// Reads one line after the other into a configuration.
private struct ConfigurationReader {
    let file: String
    var configuration = ServiceConfiguration()
    var problems: [FileProblem] = []
    private var section: String?
    private var lineOfKey: [String: Int] = [:]

    init(file: String) { self.file = file }

    mutating func note(_ line: Int, _ words: String) {
        problems.append(FileProblem(file: file, line: line, words: words))
    }

    mutating func read(_ text: String, _ line: Int) {
        let trimmed = Self.trim(text[...])
        guard let first = trimmed.first, first != "#" else { return }
        if first == "[" {
            readSection(trimmed, line)
            return
        }
        guard let equals = trimmed.firstIndex(of: "=") else {
            note(
                line,
                "'\(Self.shown(trimmed))' is neither [section] nor key = value; a comment begins with '#'"
            )
            return
        }
        let key = String(Self.trim(trimmed[..<equals]))
        guard let value = readValue(Self.trim(trimmed[trimmed.index(after: equals)...]), line) else { return }
        apply(key, value, line)
    }

    private mutating func readSection(_ text: Substring, _ line: Int) {
        let name = String(text.dropFirst().prefix { $0 != "]" })
        let known = ConfigurationSetting.all.map(\.section)
        guard text == "[\(name)]", known.contains(name) else {
            var names: [String] = []
            for section in known where !names.contains(section) { names.append(section) }
            note(
                line,
                "there is no section '\(Self.shown(text))'; sections are \(names.joined(separator: ", "))"
            )
            section = nil
            return
        }
        section = name
    }

    private mutating func readValue(_ text: Substring, _ line: Int) -> String? {
        guard text.first == "\"" else {
            let value = Self.trim(text.prefix { $0 != "#" })
            if value.isEmpty {
                note(line, "there is no value after '='; leave the line out to have the default")
            }
            return value.isEmpty ? nil : String(value)
        }
        let body = text.dropFirst()
        guard let end = body.firstIndex(of: "\"") else {
            note(line, "the quotation mark is not closed; end the value with '\"'")
            return nil
        }
        let rest = Self.trim(body[body.index(after: end)...])
        guard rest.isEmpty || rest.first == "#" else {
            note(line, "'\(Self.shown(rest))' follows the closing quotation mark; remove it")
            return nil
        }
        return String(body[..<end])
    }

    private mutating func apply(_ key: String, _ value: String, _ line: Int) {
        guard let section else {
            note(
                line,
                "'\(Self.shown(key[...]))' stands in no section; write a line such as [service] above it"
            )
            return
        }
        guard let setting = ConfigurationSetting.all.first(where: { $0.section == section && $0.key == key })
        else {
            let others = ConfigurationSetting.all.filter { $0.section == section }.map(\.key)
            let elsewhere =
                ConfigurationSetting.all.first { $0.key == key }.map { " ([\($0.section)] has it)" } ?? ""
            note(
                line,
                "[\(section)] has no key '\(Self.shown(key[...]))'\(elsewhere); its keys are "
                    + others.joined(separator: ", ")
            )
            return
        }
        if let earlier = lineOfKey["\(section).\(key)"] {
            note(line, "'\(key)' was given in line \(earlier) already; remove one of the two")
            return
        }
        lineOfKey["\(section).\(key)"] = line
        do throws(SettingError) {
            try setting.apply(&configuration, value)
        } catch {
            note(line, "'\(Self.shown(value[...]))' is no value for '\(key)'; give \(error.expected)")
        }
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text.drop { $0.isWhitespace }
    }

    /// At most 60 characters of what the operator wrote, without control characters.
    private static func shown(_ text: Substring) -> String {
        let visible = text.prefix(60).map { character in
            character.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? "?" : character
        }
        return String(visible) + (text.count > 60 ? "…" : "")
    }
}
