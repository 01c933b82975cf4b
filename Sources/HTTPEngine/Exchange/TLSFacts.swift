// SPDX-License-Identifier: Apache-2.0

import HTTPSecure

/// What a handler may know of its connection's TLS.
///
/// Copied from the connection when first asked for, so that it can be read on any thread and after the connection
/// has ended; the same for all requests of a connection.
final class TLSFacts: Sendable {
    let version: String
    let cipherSuite: String
    let serverName: String
    let applicationProtocol: String
    /// DER, leaf first.
    let certificates: [[UInt8]]
    /// The same for another process: each text with its length before it, then the certificates likewise.
    ///
    /// Lengths have four bytes, least significant first. Certificates that do not fit `recordBytesMax` are left out,
    /// from the root on.
    let record: [UInt8]

    /// The longest record.
    static let recordBytesMax = 32 << 10

    convenience init(_ engine: TLSEngine) {
        self.init(
            version: engine.protocolVersion,
            cipherSuite: engine.cipherSuite,
            serverName: engine.serverName ?? "",
            applicationProtocol: engine.applicationProtocol ?? "",
            certificates: engine.clientCertificate.map { [$0.certificate] + $0.issuers } ?? []
        )
    }

    init(
        version: String,
        cipherSuite: String,
        serverName: String,
        applicationProtocol: String,
        certificates: [[UInt8]]
    ) {
        self.version = version
        self.cipherSuite = cipherSuite
        self.serverName = serverName
        self.applicationProtocol = applicationProtocol
        self.certificates = certificates
        var record: [UInt8] = []
        for text in [version, cipherSuite, serverName, applicationProtocol] {
            Self.append(Array(text.utf8.prefix(Self.textBytesMax)), to: &record)
        }
        for certificate in certificates {
            guard record.count + 4 + certificate.count <= Self.recordBytesMax else { break }
            Self.append(certificate, to: &record)
        }
        self.record = record
    }

    private static let textBytesMax = 1024
    private static let certificatesMax = 64

    private static func append(_ piece: [UInt8], to record: inout [UInt8]) {
        for shift in stride(from: 0, to: 32, by: 8) {
            record.append(UInt8(truncatingIfNeeded: piece.count >> shift))
        }
        record += piece
    }

    /// Reads what another process wrote; `nil` where it is no such record.
    convenience init?(record: UnsafeRawBufferPointer) {
        var pieces: [[UInt8]] = []
        var position = 0
        while position < record.count {
            guard record.count - position >= 4, pieces.count < 4 + Self.certificatesMax else { return nil }
            let length = Int(record.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            position += 4
            guard length <= record.count - position else { return nil }
            pieces.append(Array(record[position..<position + length]))
            position += length
        }
        guard pieces.count >= 4 else { return nil }
        self.init(
            version: String(decoding: pieces[0], as: UTF8.self),
            cipherSuite: String(decoding: pieces[1], as: UTF8.self),
            serverName: String(decoding: pieces[2], as: UTF8.self),
            applicationProtocol: String(decoding: pieces[3], as: UTF8.self),
            certificates: Array(pieces[4...])
        )
    }
}
