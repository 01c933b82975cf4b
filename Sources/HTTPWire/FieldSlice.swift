// SPDX-License-Identifier: Apache-2.0

/// One field line of a request head, as offsets into the bytes that the head was parsed from.
public struct FieldSlice: Equatable, Sendable {
    /// Which well-known field it is, if any.
    public var id: FieldID
    /// The bytes of the name, as sent.
    public var name: ByteRange
    /// The bytes of the value, without white space around it.
    public var value: ByteRange

    /// Makes a field line.
    public init(id: FieldID, name: ByteRange, value: ByteRange) {
        self.id = id
        self.name = name
        self.value = value
    }
}
