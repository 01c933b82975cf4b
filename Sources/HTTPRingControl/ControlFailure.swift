// SPDX-License-Identifier: Apache-2.0

/// Why the service did not do what a client asked; the words say what to do.
public struct ControlFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure, each with an exit code of `httpring`'s (`exitCode`).
    public enum Code: UInt8, Sendable, CaseIterable {
        /// A value is none of those that are allowed.
        case badValue = 1
        /// A URL prefix breaks its grammar.
        case badPrefix
        /// There is no such thing.
        case notFound
        /// It is there already, or stands against something that is.
        case conflict
        /// The client has no right to it.
        case accessDenied
        /// The client, its user or the service holds as much as it may.
        case limitReached
        /// The state could not be written.
        case stateNotSaved
        /// The machine refused it: an address is taken, a right of the service's is missing.
        case machine
        /// The message breaks the protocol, or is of another version.
        case badMessage
        /// The service cannot do it as it is set up.
        case unsupported
        /// The service is stopping.
        case stopping
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong, and what to do.
    public let words: String

    /// Makes a failure.
    public init(_ code: Code, _ words: String) {
        self.code = code
        self.words = words
    }

    /// The words.
    public var description: String { words }

    /// The exit code with which `httpring` ends; see `docs/service.md`.
    public var exitCode: Int32 {
        switch code {
        case .badValue: 65
        case .badPrefix: 80
        case .notFound: 66
        case .conflict: 73
        case .accessDenied: 77
        case .limitReached: 75
        case .stateNotSaved: 74
        case .machine: 71
        case .badMessage: 76
        case .unsupported: 81
        case .stopping: 69
        }
    }
}
