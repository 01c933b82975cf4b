// SPDX-License-Identifier: Apache-2.0

/// A certificate chain, its private key, and what belongs to them.
///
/// **Shape**: PEM. The chain file holds the server's certificate first, then each issuer's, as
/// `fullchain.pem` of an ACME client does; the root may be left out. The key may be in the same file. Or PKCS#12
/// (`.p12`, `.pfx`; RFC 7292), which holds both, with the issuers in any order.
public struct TLSIdentity: Hashable, Sendable {
    /// Where PEM text or PKCS#12 data come from.
    public enum Source: Hashable, Sendable {
        /// A file, read when the context is built and again when it has changed at a reload.
        case file(String)
        /// Bytes in memory; `name` stands for them in errors.
        case text([UInt8], name: String)
    }

    /// The certificate chain, the server's own certificate first.
    public var chain: Source
    /// The private key; the same source as the chain when both are in one.
    public var key: Source
    /// What the private key or the PKCS#12 file is encrypted with; `nil` for one that is not.
    public var keyPassword: TLSPassword?
    /// A DER file with the OCSP response to staple (RFC 6066 §8), refreshed by the operator; `nil` for none.
    public var ocspResponseFile: String?

    /// Makes an identity of files.
    ///
    /// - Parameters:
    ///   - certificateFile: The chain, PEM; or chain and key, PKCS#12.
    ///   - keyFile: The private key, PEM; `nil` when it is in the chain's file.
    ///   - keyPassword: What the key, or the PKCS#12 file, is encrypted with.
    ///   - ocspResponseFile: The OCSP response to staple, DER.
    public init(
        certificateFile: String,
        keyFile: String? = nil,
        keyPassword: TLSPassword? = nil,
        ocspResponseFile: String? = nil
    ) {
        self.init(
            chain: .file(certificateFile),
            key: .file(keyFile ?? certificateFile),
            keyPassword: keyPassword,
            ocspResponseFile: ocspResponseFile
        )
    }

    /// Makes an identity of any sources.
    public init(
        chain: Source,
        key: Source,
        keyPassword: TLSPassword? = nil,
        ocspResponseFile: String? = nil
    ) {
        self.chain = chain
        self.key = key
        self.keyPassword = keyPassword
        self.ocspResponseFile = ocspResponseFile
    }
}

extension TLSIdentity.Source {
    /// The file's path, or the name that was given to text.
    var name: String {
        switch self {
        case .file(let path): path
        case .text(_, let name): name
        }
    }
}
