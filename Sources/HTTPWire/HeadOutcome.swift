// SPDX-License-Identifier: Apache-2.0

/// What parsing the bytes received so far came to.
public enum HeadOutcome: Equatable, Sendable {
    /// The head is whole and valid, and took `byteCount` bytes, leading empty lines included.
    case complete(byteCount: Int)
    /// All bytes so far may begin a valid head; parse again with more.
    case incomplete
    /// The head is refused for what stands at an offset.
    case refused(Refusal, at: Int)
}
