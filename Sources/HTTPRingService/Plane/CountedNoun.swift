// SPDX-License-Identifier: Apache-2.0

/// A number with its noun, as sentences to operators have it: `1 process`, `2 processes`, `0 queues`.
public struct CountedNoun: CustomStringConvertible {
    /// The number and the noun.
    public let description: String
    /// Whether it is one, so that the verb has its singular, too.
    public let isOne: Bool

    /// Counts.
    ///
    /// - Parameters:
    ///   - count: the number.
    ///   - singular: the noun.
    ///   - plural: its plural, where that is not made with an `s`.
    public init(_ count: Int, _ singular: String, plural: String? = nil) {
        isOne = count == 1
        description = "\(count) \(isOne ? singular : plural ?? singular + "s")"
    }
}
