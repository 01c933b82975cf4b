// SPDX-License-Identifier: Apache-2.0

public import URLPrefixes

extension AccessControlList.Subject {
    /// The subject as the state file and the control protocol write it: `user:1000`, `group:20`, `everyone`.
    public var text: String {
        switch self {
        case .user(let id): "user:\(id)"
        case .group(let id): "group:\(id)"
        case .everyone: "everyone"
        }
    }

    /// Reads what `text` writes; `nil` for anything else.
    public init?(text: Substring) {
        if text == "everyone" {
            self = .everyone
            return
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let id = UInt32(parts[1])
        else { return nil }
        switch parts[0] {
        case "user": self = .user(id)
        case "group": self = .group(id)
        default: return nil
        }
    }
}

extension AccessControlList.Entry {
    /// The rule as the state file and the control protocol write it: `user:1000=listen,delegate`.
    public var text: String {
        var names: [String] = []
        if rights.contains(.listen) { names.append("listen") }
        if rights.contains(.delegate) { names.append("delegate") }
        return subject.text + "=" + (names.isEmpty ? "none" : names.joined(separator: ","))
    }

    /// Reads what `text` writes; `nil` for anything else.
    public init?(text: Substring) {
        guard let equals = text.firstIndex(of: "="),
            let subject = AccessControlList.Subject(text: text[..<equals])
        else { return nil }
        let rights: AccessControlList.Rights? =
            switch text[text.index(after: equals)...] {
            case "listen": .listen
            case "delegate": .delegate
            case "listen,delegate": [.listen, .delegate]
            case "none": []
            default: nil
            }
        guard let rights else { return nil }
        self.init(subject: subject, rights: rights)
    }
}
