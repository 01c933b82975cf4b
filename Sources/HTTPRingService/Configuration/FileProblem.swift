// SPDX-License-Identifier: Apache-2.0

/// Says what is wrong in a file of the service, where, and what to do.
public struct FileProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file's path.
    public let file: String
    /// The line's number, from 1.
    public let line: Int
    /// What is wrong; then, after a semicolon, what to do.
    public let words: String

    /// Makes a problem.
    public init(file: String, line: Int, words: String) {
        self.file = file
        self.line = line
        self.words = words
    }

    /// The problem as compilers report theirs: `file:line: what; what to do`.
    public var description: String { "\(file):\(line): \(words)" }
}

/// All that is wrong in a file, one problem a line.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// The problems, in the order of their lines; at least one.
    public let problems: [FileProblem]

    /// Makes an error of problems.
    public init(_ problems: [FileProblem]) { self.problems = problems }

    /// The problems, one a line.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
