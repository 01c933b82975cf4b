// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import HTTPSecure
import Testing

/// Contexts that many tests share.
enum Fixture {
    static func identity(_ certificate: TestCertificate, name: String = "test.pem") -> TLSIdentity {
        TLSIdentity(
            chain: .text(certificate.pem, name: name),
            key: .text(certificate.key.pem(), name: name)
        )
    }

    static let ecdsa = identity(.server("www.example.com"))
    static let rsa = identity(.server("www.example.com", key: .sharedRSA))

    static func context(
        _ identities: [TLSIdentity] = [ecdsa],
        ticketKeys: TLSTicketKeys? = nil,
        change: (inout TLSServerConfiguration) -> Void = { _ in }
    ) throws -> TLSServerContext {
        var configuration = TLSServerConfiguration(identities: identities)
        change(&configuration)
        return try TLSServerContext(configuration, ticketKeys: ticketKeys)
    }
}

/// A version as both sides know it.
struct VersionCase: CustomTestStringConvertible, Sendable {
    let number: Int32
    let name: String
    var testDescription: String { name }

    static let all = [
        VersionCase(number: TLS1_2_VERSION, name: "TLSv1.2"),
        VersionCase(number: TLS1_3_VERSION, name: "TLSv1.3"),
    ]

    var clientOptions: TestClient.Options {
        var options = TestClient.Options()
        options.name = "www.example.com"
        options.minimumVersion = number
        options.maximumVersion = number
        return options
    }
}
