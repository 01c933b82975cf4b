// SPDX-License-Identifier: Apache-2.0

/// Everything that decides how a server's TLS connections are set up.
///
/// A value: change a copy and hand it to `TLSServerContext`. Defaults are today's good practice: TLS 1.2 and
/// 1.3 with forward secrecy and authenticated encryption only, no compression, no renegotiation, no early data.
public struct TLSServerConfiguration: Hashable, Sendable {
    /// The certificates, by what they are for; the order is of no meaning.
    public var bindings: [TLSBinding]
    /// The ways to find a connection's binding, in the order they are tried.
    ///
    /// A connection without one is refused with the alert `unrecognized_name`.
    public var selectionOrder = TLSSelectionStep.standardOrder
    /// The application protocols to choose from (RFC 7301), best first; none for no negotiation.
    ///
    /// A client that offers only others is refused with the alert `no_application_protocol`.
    public var applicationProtocols = ["h2", "http/1.1"]
    /// The oldest version to speak.
    public var minimumVersion = TLSVersion.tls12
    /// The newest version to speak.
    public var maximumVersion = TLSVersion.tls13
    /// Cipher suites of TLS 1.2, best first, in OpenSSL's notation.
    ///
    /// Where the client likes ChaCha20 best, that goes first: it has no AES instructions.
    public var cipherSuitesTLS12 = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
    ]
    /// Cipher suites of TLS 1.3, best first.
    public var cipherSuitesTLS13 = [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ]
    /// Key exchange groups, best first.
    public var groups = ["X25519", "P-256", "P-384"]
    /// Signature algorithms, best first, in OpenSSL's notation.
    public var signatureAlgorithms = [
        "ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512", "ed25519", "ed448", "RSA-PSS+SHA256",
        "RSA-PSS+SHA384", "RSA-PSS+SHA512", "RSA+SHA256", "RSA+SHA384", "RSA+SHA512",
    ]
    /// Whether to ask for client certificates.
    public var clientCertificates = TLSClientCertificatePolicy.none
    /// Whether sessions are resumed by tickets (RFC 5077, RFC 8446 §4.6.1).
    public var usesSessionTickets = true
    /// How many tickets a full TLS 1.3 handshake hands out; from 0 to 8.
    public var ticketsPerHandshake = 2
    /// How long a session can be resumed; at most 7 days, and not longer than its ticket's key is kept.
    public var sessionLifetime: Duration = .seconds(6 * 3600)
    /// Whether long signing (RSA, large curves) leaves the loop: `TLSReadResult.needsOffload`.
    public var offloadsSlowSigning = true

    /// Makes a configuration of bindings.
    public init(bindings: [TLSBinding]) {
        self.bindings = bindings
    }

    /// Makes a configuration with the same identities for every connection.
    public init(identities: [TLSIdentity]) {
        self.init(bindings: [TLSBinding(.anyAddress(port: nil), certificates: .identities(identities))])
    }
}
