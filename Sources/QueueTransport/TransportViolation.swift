// SPDX-License-Identifier: Apache-2.0

/// The other side of a queue wrote something that its side of the protocol rules out.
///
/// An end that has met one reads and sends nothing more: detach the other side. Nothing of what it wrote was used.
public struct TransportViolation: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong; more may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's name, as in logs.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The file's size can still be changed, so that touching it could be made to fail.
        public static let unsealed = Code("unsealed")
        /// The first page does not describe a queue, or one outside the limits, or another size than the file's.
        public static let geometry = Code("geometry")
        /// A version this side does not speak.
        public static let version = Code("version")
        /// An index that is not a multiple of eight, went back, or is further away than the ring is large.
        public static let index = Code("index")
        /// A record's length is smaller than its kind's, larger than the limit, or more than was published.
        public static let length = Code("length")
        /// A kind of record this side does not take.
        public static let kind = Code("kind")
        /// A field of a record holds a value that it cannot have.
        public static let field = Code("field")
        /// Lengths inside a record that do not add up to its length.
        public static let layout = Code("layout")
        /// A request that was never given out or has ended.
        public static let identifier = Code("identifier")
        /// A record that cannot come in the state the request or the queue is in.
        public static let state = Code("state")
        /// More content than was asked for, or more asked for than can be.
        public static let window = Code("window")
        /// More credits than requests may be outstanding.
        public static let credit = Code("credit")
        /// A reference outside the shared area, across a block's end, or to a block that is in use or is not.
        public static let reference = Code("reference")
        /// A ticket that stands for no file, or a descriptor that is none, or one too many.
        public static let file = Code("file")
    }

    /// What is wrong.
    public let code: Code
    /// The value that was found wrong, for the log.
    public let value: UInt64
    /// The kind of the record it stood in, 0 for none.
    public let kind: UInt8

    /// Makes a violation.
    public init(_ code: Code, value: UInt64 = 0, kind: UInt8 = 0) {
        self.code = code
        self.value = value
        self.kind = kind
    }

    /// The violation in one line, as in `identifier 0x0000000300000001 in a record of kind 66`.
    public var description: String {
        "\(code) 0x\(String(value, radix: 16)) in a record of kind \(kind)"
    }
}
