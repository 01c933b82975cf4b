// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures

extension Exchange: TLSConnectionFeature {
    private var tls: TLSFacts? {
        if let tlsFacts { return tlsFacts }
        tlsFacts = driver?.tlsFacts
        return tlsFacts
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
