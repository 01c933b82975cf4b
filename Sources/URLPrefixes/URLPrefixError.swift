// SPDX-License-Identifier: Apache-2.0

/// Says why a text is not a URL prefix, in words an operator can act on.
///
/// `description` holds what is wrong and one valid example.
public struct URLPrefixError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Names the rule of the URL prefix grammar that a text breaks.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's stable name, as used in data files and logs.
        public let description: String

        private init(_ description: String) {
            self.description = description
        }

        /// There is no `://` in the text.
        public static let missingSchemeSeparator = Code("missingSchemeSeparator")
        /// The scheme is neither `http` nor `https`.
        public static let unsupportedScheme = Code("unsupportedScheme")
        /// There is nothing between `://` and the port or the path.
        public static let emptyHost = Code("emptyHost")
        /// The host is not a wildcard, a name, a sub-domain wildcard or an address.
        public static let invalidHost = Code("invalidHost")
        /// The port is not a decimal number from 1 to 65535 without a leading zero.
        public static let invalidPort = Code("invalidPort")
        /// The path holds something no request path can equal.
        public static let invalidPath = Code("invalidPath")
        /// The path has more bytes or segments than a prefix may have.
        public static let tooLong = Code("tooLong")
    }

    /// The rule that was broken.
    public let code: Code
    /// The refused text, shortened to 200 characters.
    public let text: String
    /// What is wrong with the text, as one sentence.
    public let reason: String

    /// Makes an error about `text`.
    public init(code: Code, text: String, reason: String) {
        self.code = code
        self.text = text.count > 200 ? String(text.prefix(200)) + "…" : text
        self.reason = reason
    }

    /// What is wrong, followed by an example of a valid prefix.
    public var description: String {
        "'\(text)' is not a URL prefix: \(reason) Valid examples: 'http://+:80/shop/', 'https://www.example.com:443/'."
    }
}
