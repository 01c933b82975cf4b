// SPDX-License-Identifier: Apache-2.0

/// What a proxy says of the connection it took, in front of the first byte of that connection.
///
/// **Shape**: version 1 is a line, `PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n`; version 2 is binary: twelve
/// bytes of signature, version and command, family, length, addresses, then type-length-value records. Refused
/// are for example `PROXY TCP4 192.0.2.01 …` and a version 2 header whose length ends inside its addresses.
///
/// Made by `parse(_:byteCountMax:)`. Everything of variable size is a range of the bytes that were parsed; no memory is
/// allocated. The header is to be believed only where it comes from a proxy that is known.
///
/// Source: "The PROXY protocol, versions 1 & 2", HAProxy Technologies, §2.
public struct ProxyProtocolHeader: Equatable, Sendable {
    /// The two forms of the header.
    public enum Version: UInt8, Sendable {
        /// The line of text.
        case text = 1
        /// The binary form.
        case binary = 2
    }

    /// The kind of the connection that the proxy took.
    public enum Transport: UInt8, Sendable {
        /// Not told: the addresses are those of the proxy's own connection.
        case unspecified = 0
        /// A byte stream, as TCP.
        case stream = 1
        /// Datagrams, as UDP; what a proxy of HTTP/3 tells.
        case datagram = 2
    }

    /// Which form the header has.
    public var version: Version
    /// Whether the proxy speaks for itself (`LOCAL`), as in a health check: the real addresses hold then.
    public var isLocal = false
    /// The kind of the connection.
    public var transport = Transport.unspecified
    /// The client's address; `nil` where the proxy does not tell it, so that the connection's own holds.
    public var source: ProxyProtocolAddress?
    /// The address that the client reached.
    public var destination: ProxyProtocolAddress?
    /// What the records of a version 2 header add.
    public var attributes = ProxyProtocolAttributes()

    /// The most bytes a version 1 header has, CRLF included.
    public static let textByteCountMax = 107
    /// The fewest bytes of a version 2 header: signature, command, family and length.
    static let binaryByteCountMin = 16

    /// Makes a header that tells no address.
    init(version: Version) { self.version = version }
}

/// What parsing the first bytes of a connection came to.
public enum ProxyProtocolOutcome: Equatable, Sendable {
    /// All bytes so far may begin a valid header; parse again with more.
    case incomplete
    /// The header is whole and took `byteCount` bytes; what follows belongs to the client.
    case complete(ProxyProtocolHeader, byteCount: Int)
    /// The bytes are no valid header; the connection is to be closed without an answer.
    case refused(ProxyProtocolRefusal)
}

/// Why the first bytes of a connection are no valid PROXY protocol header.
public enum ProxyProtocolRefusal: String, Error, CaseIterable, Sendable {
    /// The connection begins with neither form.
    case signatureMissing
    /// A version 1 header has no CRLF in its first 107 bytes.
    case lineTooLong
    /// A version 1 header has not the shape `PROXY family source destination port port`.
    case lineMalformed
    /// An address of a version 1 header is not one of its family.
    case addressMalformed
    /// A port of a version 1 header is no number from 0 to 65535, or has leading zeros.
    case portMalformed
    /// The version of a binary header is not 2.
    case versionNotSupported
    /// The command is neither `LOCAL` nor `PROXY`.
    case commandNotSupported
    /// The address family or the transport is not one that is assigned.
    case familyNotSupported
    /// The header is longer than the limit.
    case headerTooLarge
    /// The length ends inside the addresses.
    case addressesTruncated
    /// A record ends outside the header, or is too short for its type.
    case recordMalformed
    /// A record of a type that has one meaning for the connection is there twice.
    case recordRepeated
    /// The checksum record disagrees with the header.
    case checksumWrong
}
