// SPDX-License-Identifier: Apache-2.0

/// Whether a client is asked for a certificate in the handshake, and what it must be.
///
/// A certificate is kept in the session's ticket, so that a resumed connection has it too. Sessions are not
/// resumed between bindings whose policies differ.
public struct TLSClientCertificatePolicy: Hashable, Sendable {
    /// Whether the client is asked.
    public enum Mode: Hashable, Sendable {
        /// The client is not asked.
        case none
        /// The client is asked and may send none.
        case allow
        /// The handshake fails without one (alert `certificate_required`, before TLS 1.3 `handshake_failure`).
        case require
    }

    /// Whether the client is asked.
    public var mode: Mode
    /// A PEM file of the authorities that certificates must come from; their names are sent to the client.
    public var authoritiesFile: String?
    /// A PEM file of revocation lists, one for each authority; `nil` when revocation is not checked.
    public var revocationListsFile: String?
    /// Whether a certificate that cannot be verified is taken, for the application to judge.
    ///
    /// The result of the verification is in `TLSClientCertificate.verification`.
    public var acceptsUnverified: Bool
    /// How many issuers may stand between a certificate and its authority.
    public var depthMax: Int

    /// Makes a policy; `mode` other than `.none` needs authorities, or `acceptsUnverified`.
    public init(
        _ mode: Mode,
        authoritiesFile: String? = nil,
        revocationListsFile: String? = nil,
        acceptsUnverified: Bool = false,
        depthMax: Int = 4
    ) {
        self.mode = mode
        self.authoritiesFile = authoritiesFile
        self.revocationListsFile = revocationListsFile
        self.acceptsUnverified = acceptsUnverified
        self.depthMax = depthMax
    }

    /// Clients are not asked for a certificate.
    public static var none: TLSClientCertificatePolicy { TLSClientCertificatePolicy(.none) }
}
