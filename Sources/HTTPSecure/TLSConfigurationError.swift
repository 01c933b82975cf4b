// SPDX-License-Identifier: Apache-2.0

/// A TLS configuration cannot be used: which file or setting, what is wrong, and what to do next.
///
/// `description` is one line for an operator, as in
/// `/etc/tls/a.key: does not belong to the certificate in /etc/tls/a.pem. Install the key that …`.
public struct TLSConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of fault, for programs.
    public struct Code: Hashable, Sendable {
        private let rawValue: UInt8

        /// A file is not there.
        public static let missingFile = Code(rawValue: 0)
        /// A file cannot be read: permissions, a directory, too large.
        public static let unreadableFile = Code(rawValue: 1)
        /// A file does not hold what it should.
        public static let malformedFile = Code(rawValue: 2)
        /// A private key is not the certificate's.
        public static let keyMismatch = Code(rawValue: 3)
        /// A private key is encrypted and the password is missing or wrong.
        public static let wrongPassword = Code(rawValue: 4)
        /// The certificates of a chain are not in order.
        public static let chainOrder = Code(rawValue: 5)
        /// A certificate is not one for servers, or too weak.
        public static let unsuitableCertificate = Code(rawValue: 6)
        /// A setting has a value that is not possible.
        public static let invalidSetting = Code(rawValue: 7)
        /// Two bindings are for the same connections.
        public static let duplicateBinding = Code(rawValue: 8)
        /// OpenSSL refused for another reason, such as memory.
        public static let library = Code(rawValue: 9)
    }

    /// The kind of fault.
    public let code: Code
    /// The file, binding or setting that is wrong.
    public let subject: String
    /// What is wrong with it.
    public let problem: String
    /// What to do next.
    public let advice: String

    /// Makes an error of its parts; sentences without the final full stop.
    init(_ code: Code, _ subject: String, problem: String, advice: String) {
        self.code = code
        self.subject = subject
        self.problem = problem
        self.advice = advice
    }

    /// The error as one line for an operator.
    public var description: String { "\(subject): \(problem). \(advice)." }
}

/// Something about a TLS configuration that works but should not stay so.
public struct TLSConfigurationWarning: Hashable, Sendable, CustomStringConvertible {
    /// The file or binding.
    public let subject: String
    /// What is odd about it, and what to do.
    public let problem: String

    /// The warning as one line for an operator.
    public var description: String { "\(subject): \(problem)." }
}
