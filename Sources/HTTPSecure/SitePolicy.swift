// SPDX-License-Identifier: Apache-2.0

/// What a binding asks of its connections, apart from which certificate they get.
///
/// Connections of sites with equal policies are as good as each other's: what was asked for the one name would have
/// been asked for the other. It holds whether the binding rejects, its versions, whether it speaks HTTP/2, and what
/// it wants of client certificates, with the content of the files that decide about them.
struct SitePolicy {
    /// Equal for equal policies, of whichever snapshot; never 0.
    ///
    /// The first bytes of a SHA-256 of what operators wrote, not peers.
    let number: UInt64
    /// What sessions must agree in: the binding and the policy, as a digest.
    let sessionContext: [UInt8]

    /// Takes down the policy of a site.
    ///
    /// - Parameters:
    ///   - source: what the site is made of.
    ///   - authorities: the digests of the files that client certificates are verified with.
    /// - Throws: `TLSConfigurationError` with the code `library` when memory is exhausted.
    init(of source: SiteSource, authorities: [UInt8]) throws(TLSConfigurationError) {
        let clients = source.clientCertificates
        var text = "\(source.isRejecting) \(source.minimumVersion) \(source.maximumVersion) "
        text += "\(source.applicationProtocols.contains("h2")) \(clients.mode)"
        if clients.mode != .none { text += " \(clients.acceptsUnverified) \(clients.depthMax)" }
        guard let policy = Digest.of(Array(text.utf8) + [0] + authorities),
            let session = Digest.of(policy + Array(source.label.utf8))
        else { throw .library("EVP_Digest") }
        let number = policy.prefix(8).reduce(into: UInt64(0)) { $0 = $0 << 8 | UInt64($1) }
        self.number = max(number, 1)
        sessionContext = session
    }
}
