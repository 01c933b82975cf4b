// SPDX-License-Identifier: Apache-2.0

/// Certificates for some of the connections, and what is different for these from the configuration's rules.
public struct TLSBinding: Hashable, Sendable {
    /// Where the certificates of a binding are.
    public enum Certificates: Hashable, Sendable {
        /// One identity for each kind of key (ECDSA, RSA, Ed25519); the client's hello decides between them.
        case identities([TLSIdentity])
        /// A directory with a file or two for each name.
        ///
        /// `NAME.pem` holds the chain and `NAME.key` the key, or both are in the former. For several kinds of
        /// key they are `NAME.ecdsa.pem`, `NAME.rsa.pem` and so on. `_.example.com.pem` is for every name
        /// below `example.com`. `NAME.ocsp` is the OCSP response to staple. Key: a host name or any name.
        case directory(String)
    }

    /// Which connections it is for.
    public var key: TLSBindingKey
    /// Where the certificates are.
    public var certificates: Certificates
    /// The application protocols to choose from, best first; `nil` for the configuration's.
    public var applicationProtocols: [String]?
    /// The oldest version to speak; `nil` for the configuration's.
    public var minimumVersion: TLSVersion?
    /// The newest version to speak; `nil` for the configuration's.
    public var maximumVersion: TLSVersion?
    /// Whether to ask for client certificates; `nil` for the configuration's answer.
    public var clientCertificates: TLSClientCertificatePolicy?
    /// Whether sessions are resumed by tickets; `nil` for the configuration's answer.
    public var usesSessionTickets: Bool?
    /// Whether matching connections are refused, with the alert `access_denied`.
    public var isRejecting = false

    /// Makes a binding that follows the configuration in everything but its certificates.
    public init(_ key: TLSBindingKey, certificates: Certificates) {
        self.key = key
        self.certificates = certificates
    }

    /// Makes a binding of one name or `*.name` on every port to identities.
    public init(hostName: String, identities: [TLSIdentity]) {
        self.init(.hostName(hostName, port: nil), certificates: .identities(identities))
    }
}
