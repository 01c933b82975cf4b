// SPDX-License-Identifier: Apache-2.0

/// What a private key, or a PKCS#12 file, is encrypted with, and where that is kept.
///
/// Never take one from a command line, which every user of the machine can read.
public enum TLSPassword: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The password itself.
    case text(String)
    /// The first line of a file, read when the certificate is, and again when it has changed at a reload.
    case file(String)
    /// The value of an environment variable, read when the certificate is.
    case environment(String)

    /// Makes a password of text.
    public init(stringLiteral value: String) { self = .text(value) }
}
