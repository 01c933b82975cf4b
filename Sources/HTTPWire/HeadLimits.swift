// SPDX-License-Identifier: Apache-2.0

/// The limits of a request head.
public struct HeadLimits: Sendable, Equatable {
    /// Bytes of request line and field section together, with the empty line; over it `headTooLarge`.
    public var headBytesMax: Int
    /// Bytes of the request-target; over it `targetTooLong`.
    public var targetBytesMax: Int
    /// Field lines; over it `tooManyFields`.
    public var fieldCountMax: Int
    /// Bytes of one field line without its CRLF; over it `fieldTooLarge`.
    public var fieldBytesMax: Int
    /// Bytes of the method; over it `methodTooLong`.
    public var methodBytesMax: Int

    /// The greatest head that any limit may allow: offsets into a head are 32 bits wide.
    public static let headBytesCeiling = 1 << 30

    /// Makes limits; each must be positive, and a head is never more than 1 GiB.
    public init(
        headBytesMax: Int = 32768,
        targetBytesMax: Int = 8192,
        fieldCountMax: Int = 100,
        fieldBytesMax: Int = 32768,
        methodBytesMax: Int = 32
    ) {
        precondition(headBytesMax > 0 && headBytesMax <= Self.headBytesCeiling, "A head is of 1 B to 1 GiB.")
        precondition(targetBytesMax > 0, "A request-target limit is positive.")
        precondition(fieldCountMax >= 0, "A field count limit is not negative.")
        precondition(fieldBytesMax > 0, "A field line limit is positive.")
        precondition(methodBytesMax > 0, "A method limit is positive.")
        self.headBytesMax = headBytesMax
        self.targetBytesMax = targetBytesMax
        self.fieldCountMax = fieldCountMax
        self.fieldBytesMax = fieldBytesMax
        self.methodBytesMax = methodBytesMax
    }
}
