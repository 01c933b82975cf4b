// SPDX-License-Identifier: Apache-2.0

/// Why a field line was not taken into a field section.
public struct FieldError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong with the field line.
    public enum Code: Equatable, Sendable {
        /// The name is empty or holds a byte that no token may hold.
        case nameMalformed
        /// The value holds CR, LF, NUL or another control character.
        case valueMalformed
        /// The section would be larger than 1 GiB.
        case sectionTooLarge
    }

    /// What is wrong with the field line.
    public var code: Code

    /// Makes an error.
    public init(_ code: Code) {
        self.code = code
    }

    /// The error in words.
    public var description: String {
        switch code {
        case .nameMalformed: "A field name is a token of at least one character."
        case .valueMalformed: "A field value holds no CR, LF, NUL or other control character."
        case .sectionTooLarge: "A field section is not larger than 1 GiB."
        }
    }
}
