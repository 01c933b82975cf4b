// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// What the handshake came to; empty or `nil` before the connection is established.
extension TLSEngine {
    /// The version, such as `TLSv1.3`.
    public var protocolVersion: String { facts?.version.name ?? "" }

    /// The version as a value; `nil` before the connection is established.
    public var version: TLSVersion? { facts?.version }

    /// The cipher suite's standard name, such as `TLS_AES_128_GCM_SHA256`.
    public var cipherSuite: String {
        guard let suite = facts?.suite, let name = SSL_CIPHER_standard_name(suite) else { return "" }
        return String(cString: name)
    }

    /// The bits of the key that records are encrypted with; 0 before the connection is established.
    public var cipherKeyBits: Int { Int(facts?.suite.map { SSL_CIPHER_get_bits($0, nil) } ?? 0) }

    /// The name of the server as the client sent it; `nil` when it sent none.
    public var serverName: String? { facts?.serverName }

    /// The application protocol that was chosen, such as `h2`; `nil` when none was negotiated.
    public var applicationProtocol: String? { facts?.applicationProtocol }

    /// Whether an earlier session was resumed.
    public var isResumed: Bool { facts?.isResumed ?? false }

    /// The client's certificate; `nil` when it sent none.
    ///
    /// Reads and copies: ask once.
    public var clientCertificate: TLSClientCertificate? { facts?.peer?.value }
}
