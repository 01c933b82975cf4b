// SPDX-License-Identifier: Apache-2.0

/// What the type-length-value records of a version 2 PROXY protocol header tell.
///
/// Ranges are those of the parsed bytes. Source: "The PROXY protocol", §2.2.1 to §2.2.9.
public struct ProxyProtocolAttributes: Equatable, Sendable {
    /// The application protocol negotiated with the client (ALPN), such as `h2`.
    public var applicationProtocol: ByteRange?
    /// The host name the client asked for, as in TLS's server name.
    public var authority: ByteRange?
    /// An opaque name of the connection, at most 128 bytes.
    public var uniqueID: ByteRange?
    /// The name of the network name space.
    public var networkNamespace: ByteRange?
    /// What the proxy tells of TLS.
    public var tls: ProxyProtocolTLS?
    /// All records, for types that have no property here.
    public var records = ByteRange.empty

    /// Calls a function with type and value of each record, in order.
    ///
    /// - Parameters:
    ///   - header: the bytes that the header was parsed from.
    ///   - body: gets the type's number and the value; stops when it returns false.
    public func forEachRecord(in header: Span<UInt8>, _ body: (UInt8, Span<UInt8>) -> Bool) {
        guard records.end <= header.count else { return }
        var offset = Int(records.start)
        while let record = ProxyProtocolRecord(header, from: &offset, to: records.end) {
            guard body(record.type, header.extracting(record.value.range)) else { return }
        }
    }
}

/// What a proxy that ends TLS tells of it (`PP2_TYPE_SSL`).
public struct ProxyProtocolTLS: Equatable, Sendable {
    /// The flags of the record: 1 TLS, 2 certificate on this connection, 4 certificate in this session.
    public var flags: UInt8
    /// What the verification of the client's certificate came to; 0 means verified.
    public var verification: UInt32
    /// The protocol version, such as `TLSv1.3`.
    public var version: ByteRange?
    /// The common name of the client's certificate.
    public var commonName: ByteRange?
    /// The name of the cipher.
    public var cipher: ByteRange?
    /// The algorithm that signed the proxy's certificate.
    public var signatureAlgorithm: ByteRange?
    /// The algorithm of the proxy's key.
    public var keyAlgorithm: ByteRange?

    /// Whether the client speaks TLS with the proxy, so that the request's scheme is `https`.
    public var isTLS: Bool { flags & 1 != 0 }
    /// Whether the client has shown a certificate on this connection or in its session.
    public var hasClientCertificate: Bool { flags & 6 != 0 }
    /// Whether the client has shown a certificate and the proxy has verified it.
    public var isClientVerified: Bool { hasClientCertificate && verification == 0 }
}

/// One type-length-value record.
struct ProxyProtocolRecord {
    var type: UInt8
    var value: ByteRange

    /// Takes the record at `offset`, which moves behind it; nil at the end or where it does not fit.
    init?(_ bytes: Span<UInt8>, from offset: inout Int, to end: Int) {
        guard end - offset >= 3 else { return nil }
        let count = Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
        guard end - offset - 3 >= count else { return nil }
        type = bytes[offset]
        value = ByteRange(from: offset + 3, to: offset + 3 + count)
        offset += 3 + count
    }
}

extension ProxyProtocolAttributes {
    /// The types with a meaning here.
    private enum RecordType {
        static let applicationProtocol: UInt8 = 0x01
        static let authority: UInt8 = 0x02
        static let checksum: UInt8 = 0x03
        static let uniqueID: UInt8 = 0x05
        static let tls: UInt8 = 0x20
        static let networkNamespace: UInt8 = 0x30
    }

    /// Reads the records in `start..<end`, which ends the header.
    mutating func parse(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(ProxyProtocolRefusal) {
        records = ByteRange(from: start, to: end)
        var checksum: ByteRange?
        var offset = start
        while offset < end {
            guard let record = ProxyProtocolRecord(bytes, from: &offset, to: end) else {
                throw .recordMalformed
            }
            switch record.type {
            case RecordType.applicationProtocol: try Self.keep(record, in: &applicationProtocol)
            case RecordType.authority: try Self.keep(record, in: &authority)
            case RecordType.uniqueID:
                guard record.value.count <= 128 else { throw .recordMalformed }
                try Self.keep(record, in: &uniqueID)
            case RecordType.networkNamespace: try Self.keep(record, in: &networkNamespace)
            case RecordType.checksum:
                guard record.value.count == 4 else { throw .recordMalformed }
                try Self.keep(record, in: &checksum)
            case RecordType.tls:
                guard tls == nil else { throw .recordRepeated }
                tls = try ProxyProtocolTLS(bytes, record.value)
            default: break
            }
        }
        if let checksum, !CRC32C.agrees(bytes, count: end, checksumAt: checksum) { throw .checksumWrong }
    }

    static func keep(
        _ record: ProxyProtocolRecord,
        in property: inout ByteRange?
    ) throws(ProxyProtocolRefusal) {
        guard property == nil else { throw .recordRepeated }
        property = record.value
    }
}

extension ProxyProtocolTLS {
    /// Reads the value of the record: flags, verification, records of its own.
    init(_ bytes: Span<UInt8>, _ value: ByteRange) throws(ProxyProtocolRefusal) {
        guard value.count >= 5 else { throw .recordMalformed }
        var offset = Int(value.start)
        flags = bytes[offset]
        verification = 0
        for index in 1...4 { verification = verification << 8 | UInt32(bytes[offset + index]) }
        offset += 5
        while offset < value.end {
            guard let record = ProxyProtocolRecord(bytes, from: &offset, to: value.end) else {
                throw .recordMalformed
            }
            switch record.type {
            case 0x21: try ProxyProtocolAttributes.keep(record, in: &version)
            case 0x22: try ProxyProtocolAttributes.keep(record, in: &commonName)
            case 0x23: try ProxyProtocolAttributes.keep(record, in: &cipher)
            case 0x24: try ProxyProtocolAttributes.keep(record, in: &signatureAlgorithm)
            case 0x25: try ProxyProtocolAttributes.keep(record, in: &keyAlgorithm)
            default: break
            }
        }
    }
}

/// The checksum of Castagnoli (RFC 9260, appendix A), by half bytes: headers are short and rare.
enum CRC32C {
    private static let table: InlineArray<16, UInt32> = [
        0x0000_0000, 0x105e_c76f, 0x20bd_8ede, 0x30e3_49b1, 0x417b_1dbc, 0x5125_dad3,
        0x61c6_9362, 0x7198_540d, 0x82f6_3b78, 0x92a8_fc17, 0xa24b_b5a6, 0xb215_72c9,
        0xc38d_26c4, 0xd3d3_e1ab, 0xe330_a81a, 0xf36e_6f75,
    ]

    /// Whether the first `count` bytes, with zeros for the checksum itself, have the checksum they carry.
    static func agrees(_ bytes: Span<UInt8>, count: Int, checksumAt place: ByteRange) -> Bool {
        var told: UInt32 = 0
        for offset in place.range { told = told << 8 | UInt32(bytes[offset]) }
        var value = UInt32.max
        for offset in 0..<count {
            value ^= place.range.contains(offset) ? 0 : UInt32(bytes[offset])
            value = table[Int(value & 15)] ^ value >> 4
            value = table[Int(value & 15)] ^ value >> 4
        }
        return ~value == told
    }
}
