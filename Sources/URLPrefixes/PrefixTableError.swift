// SPDX-License-Identifier: Apache-2.0

/// Says why a registration or reservation was refused, and what to do about it.
public struct PrefixTableError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Names the rule that refused the change.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's stable name, as used in data files and logs.
        public let description: String

        private init(_ description: String) {
            self.description = description
        }

        /// An equal registration, or an equal reservation, is there (Windows error 183).
        public static let alreadyExists = Code("alreadyExists")
        /// The access rules do not allow it (Windows error 5).
        public static let accessDenied = Code("accessDenied")
        /// The port carries the other scheme.
        public static let schemeConflict = Code("schemeConflict")
        /// There is no such reservation (Windows error 2).
        public static let notFound = Code("notFound")
        /// The prefix has port 0: a port must be chosen first.
        public static let portZero = Code("portZero")
        /// The table holds as many prefixes as it may.
        public static let tableFull = Code("tableFull")
    }

    /// The rule that refused the change.
    public let code: Code
    /// The prefix of the change.
    public let prefix: URLPrefix
    /// What is wrong and what to do.
    public let description: String

    init(_ code: Code, _ prefix: URLPrefix, _ description: String) {
        self.code = code
        self.prefix = prefix
        self.description = description
    }
}
