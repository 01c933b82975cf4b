// SPDX-License-Identifier: Apache-2.0

import HTTPMiddleware
import HTTPRing

/// A server with one certificate.
func one() throws -> HTTPRingServer {
    var options = HTTPRingServerOptions()
    options.urlPrefixes = ["https://*:8443/"]
    options.tls = TLSServerConfiguration(identities: [
        TLSIdentity(certificateFile: "localhost.pem", keyFile: "localhost.key")
    ])
    return try HTTPRingServer(options: options)
}

/// Certificates for several names.
func several() -> TLSServerConfiguration {
    let shop = [
        TLSIdentity(certificateFile: "/etc/ssl/shop.ecdsa.pem", keyFile: "/etc/ssl/shop.ecdsa.key"),
        TLSIdentity(certificateFile: "/etc/ssl/shop.rsa.pem", keyFile: "/etc/ssl/shop.rsa.key"),
    ]
    let wiki = TLSIdentity(certificateFile: "/etc/ssl/wiki.pem", ocspResponseFile: "/etc/ssl/wiki.ocsp")
    return TLSServerConfiguration(bindings: [
        TLSBinding(hostName: "shop.example.com", identities: shop),
        TLSBinding(hostName: "*.wiki.example.com", identities: [wiki]),
        TLSBinding(.anyName(port: nil), certificates: .directory("/etc/ssl/by-name")),
        TLSBinding(.anyAddress(port: nil), certificates: .identities(shop)),
    ])
}

/// Client certificates, for one name only.
func withClientCertificates(_ identity: TLSIdentity) -> TLSServerConfiguration {
    var admin = TLSBinding(hostName: "admin.example.com", identities: [identity])
    admin.clientCertificates = TLSClientCertificatePolicy(.require, authoritiesFile: "/etc/ssl/staff-ca.pem")
    var configuration = TLSServerConfiguration(identities: [identity])
    configuration.bindings.append(admin)
    return configuration
}

/// Rules that are stricter than the defaults, and tickets that live for an hour.
func strict(_ identity: TLSIdentity) -> TLSServerConfiguration {
    var configuration = TLSServerConfiguration(identities: [identity])
    configuration.minimumVersion = .tls13
    configuration.applicationProtocols = ["h2", "http/1.1"]
    configuration.sessionLifetime = .seconds(3600)
    return configuration
}

/// HTTP/2 with limits of one's own.
func http2(_ options: inout HTTPRingServerOptions) {
    options.http2?.concurrentStreamCountMax = 250
    options.http2?.streamWindowBytes = 4 << 20
    options.http2?.connectionWindowBytes = 8 << 20
    options.http2?.keepAlivePingDelay = .seconds(60)
    options.http2?.resets = FloodBudget(burst: 100, perSecond: 10)
    options.timeouts.tlsHandshake = .seconds(5)
}

let server = try one()
let redirection = HTTPSRedirection(.permanent, httpsPort: 8443)
try await server.run { context in
    try await redirection.handle(context) { context in
        try await HSTS().handle(context) { context in
            guard let tls = context.features[(any TLSConnectionFeature).self], !tls.tlsVersion.isEmpty else {
                return try await context.response.write("cleartext\n")
            }
            let certificates = tls.clientCertificateChain.count
            try await context.response.write(
                "\(tls.tlsVersion) \(tls.cipherSuite) \(tls.serverName) \(tls.applicationProtocol) \(certificates)\n"
            )
        }
    }
}
