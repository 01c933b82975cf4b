// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPSecure

/// What a handler may know of its connection's TLS.
///
/// Copied when first asked for, so that it can be read on any thread and after the connection has ended.
final class TLSFacts {
    let version: String
    let cipherSuite: String
    let serverName: String
    let applicationProtocol: String
    let certificates: [[UInt8]]

    init(_ engine: TLSEngine) {
        version = engine.protocolVersion
        cipherSuite = engine.cipherSuite
        serverName = engine.serverName ?? ""
        applicationProtocol = engine.applicationProtocol ?? ""
        certificates = engine.clientCertificate.map { [$0.certificate] + $0.issuers } ?? []
    }
}

extension Exchange: TLSConnectionFeature {
    private var tls: TLSFacts? {
        if let tlsFacts { return tlsFacts }
        guard let engine = driver?.tlsEngine else { return nil }
        let facts = TLSFacts(engine)
        tlsFacts = facts
        return facts
    }

    /// Copies the facts for a handler on another thread, which must not ask the connection.
    func keepTLSFacts() { _ = tls }

    /// The protocol version, such as `"TLSv1.3"`.
    public var tlsVersion: String { tls?.version ?? "" }
    /// The cipher suite's standard name.
    public var cipherSuite: String { tls?.cipherSuite ?? "" }
    /// The server name the client asked for, or empty.
    public var serverName: String { tls?.serverName ?? "" }
    /// The negotiated application protocol, or empty.
    public var applicationProtocol: String { tls?.applicationProtocol ?? "" }
    /// The client's certificate chain, DER, leaf first; empty where none was sent.
    public var clientCertificateChain: [[UInt8]] { tls?.certificates ?? [] }
}
