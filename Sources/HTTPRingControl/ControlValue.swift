// SPDX-License-Identifier: Apache-2.0

/// A value of a listing: what `show` commands answer with, printed as text or JSON by the client.
public enum ControlValue: Sendable, Hashable {
    /// Nothing is set.
    case none
    /// Yes or no.
    case flag(Bool)
    /// A count, an amount, an identifier.
    case number(UInt64)
    /// A text.
    case text(String)
    /// Several values in order.
    case list([ControlValue])
    /// Named values in order; no name stands twice.
    case record([Member])

    /// A named value of a record.
    public struct Member: Sendable, Hashable {
        /// The name, in lower camel case.
        public let name: String
        /// The value.
        public let value: ControlValue

        /// Makes a named value.
        public init(_ name: String, _ value: ControlValue) {
            self.name = name
            self.value = value
        }
    }

    /// The most levels of lists and records a value has.
    public static let depthMax = 16

    /// Makes a record of named values.
    public static func record(_ members: KeyValuePairs<String, ControlValue>) -> ControlValue {
        .record(members.map { Member($0.key, $0.value) })
    }

    /// Makes a number, 0 where it is negative.
    public static func count(_ value: Int) -> ControlValue { .number(UInt64(max(0, value))) }

    /// Makes a text, or nothing of `nil`.
    public static func optional(_ text: String?) -> ControlValue { text.map { .text($0) } ?? .none }

    /// The member of a record; `none` where there is none.
    public subscript(_ name: String) -> ControlValue {
        guard case .record(let members) = self else { return .none }
        return members.first { $0.name == name }?.value ?? .none
    }

    /// The text; empty where it is none.
    public var text: String {
        switch self {
        case .text(let text): text
        case .number(let number): "\(number)"
        case .flag(let flag): flag ? "Yes" : "No"
        case .none, .list, .record: ""
        }
    }

    /// The elements of a list; empty where it is none.
    public var elements: [ControlValue] {
        if case .list(let values) = self { values } else { [] }
    }

    /// The number; 0 where it is none.
    public var number: UInt64 {
        if case .number(let number) = self { number } else { 0 }
    }

    /// Whether it is a flag that is set.
    public var isTrue: Bool { self == .flag(true) }
}

extension ControlValue {
    func write(to writer: inout ControlWriter) {
        switch self {
        case .none: writer.number(UInt8(0))
        case .flag(let flag):
            writer.number(UInt8(1))
            writer.flag(flag)
        case .number(let number):
            writer.number(UInt8(2))
            writer.number(number)
        case .text(let text):
            writer.number(UInt8(3))
            writer.text(text)
        case .list(let values):
            writer.number(UInt8(4))
            writer.list(values) { $1.write(to: &$0) }
        case .record(let members):
            writer.number(UInt8(5))
            writer.list(members) {
                $0.text($1.name)
                $1.value.write(to: &$0)
            }
        }
    }

    init(from reader: inout ControlReader, depth: Int = 0) throws(ControlCodecError) {
        guard depth < Self.depthMax else { throw reader.error("a value is nested too deep") }
        switch try reader.number(UInt8.self) {
        case 0: self = .none
        case 1: self = .flag(try reader.flag())
        case 2: self = .number(try reader.number())
        case 3: self = .text(try reader.text())
        case 4:
            self = .list(
                try reader.list { (reader) throws(ControlCodecError) in
                    try ControlValue(from: &reader, depth: depth + 1)
                }
            )
        case 5:
            self = .record(
                try reader.list { (reader) throws(ControlCodecError) in
                    let name = try reader.text()
                    return Member(name, try ControlValue(from: &reader, depth: depth + 1))
                }
            )
        default: throw reader.error("there is no such kind of value")
        }
    }
}
