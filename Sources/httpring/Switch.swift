// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService

/// `yes` or `no`, as netsh has it.
enum YesNo: String, ExpressibleByArgument, CaseIterable {
    case yes, no
}

/// A key of a certificate binding.
struct CertificateKeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Connections to an address and port: 0.0.0.0:443, [::]:443.", valueName: "ip:port")
    )
    var ipport: String?

    @Option(
        help: ArgumentHelp(
            "Connections that name a host: www.example.com:443, *.example.com:443.",
            valueName: "host:port"
        )
    )
    var hostnameport: String?

    @Option(help: ArgumentHelp("Connections to a port; certificates lie in a directory.", valueName: "port"))
    var ccs: String?

    /// The key, or `nil` where none is given.
    var key: String? {
        ipport.map { "ipport=\($0)" } ?? hostnameport.map { "hostnameport=\($0)" } ?? ccs.map { "ccs=\($0)" }
    }

    func validate() throws {
        guard [ipport, hostnameport, ccs].compactMap({ $0 }).count <= 1 else {
            throw ValidationError("Give one of ipport, hostnameport and ccs.")
        }
    }

    /// The key, which has to be given.
    func required() throws -> String {
        guard let key else {
            throw ValidationError("Say which connections it is about: ipport=, hostnameport= or ccs=.")
        }
        return key
    }
}

/// The parameters of a certificate binding; those left out stay, or have their defaults.
struct CertificateOptions: ParsableArguments {
    @Option(help: "PEM file of the certificate chain; with ccs the directory of certificates.")
    var certfile: String?
    @Option(help: "PEM file of the private key; without it the key is in certfile.")
    var keyfile: String?
    @Option(help: "SHA-1 or SHA-256 fingerprint the certificate must have.")
    var certhash: String?
    @Option(help: "A name for whoever made the binding.")
    var appid: String?
    @Option(help: "enable or disable: check client certificates against crlfile. Default enable.")
    var verifyclientcertrevocation: String?
    @Option(help: "Seconds after which crlfile is read again; 0 is when it expires.")
    var revocationfreshnesstime: String?
    @Option(help: "enable or disable: a client certificate must be one for clients. Default enable.")
    var usagecheck: String?
    @Option(help: "PEM file of the issuers client certificates may have.")
    var sslctlidentifier: String?
    @Option(help: "PEM file of revocation lists.")
    var crlfile: String?
    @Option(help: "enable or disable: ask for the client's certificate in the handshake. Default disable.")
    var clientcertnegotiation: String?
    @Option(help: "enable or disable: refuse these connections. Default disable.")
    var reject: String?
    @Option(help: "enable or disable: do not offer HTTP/2. Default disable.")
    var disablehttp2: String?
    @Option(help: "enable or disable: refuse TLS 1.2. Default disable.")
    var disabletls12: String?
    @Option(help: "enable or disable: refuse TLS 1.3. Default disable.")
    var disabletls13: String?
    @Option(help: "enable or disable: refuse TLS 1.1 and older. Default enable.")
    var disablelegacytls: String?
    @Option(help: "enable or disable: staple no OCSP response. Default disable.")
    var disableocspstapling: String?
    @Option(help: "enable or disable: resume sessions by tickets. Default enable.")
    var enablesessionticket: String?
    @Option(help: "enable or disable: do not resume sessions by identifiers. Default disable.")
    var disablesessionid: String?
    @Option(help: "enable or disable: log each handshake. Default disable.")
    var logextendedevents: String?

    /// Those that were given.
    var values: [NamedValue] {
        let all: [(String, String?)] = [
            ("certfile", certfile), ("keyfile", keyfile), ("certhash", certhash), ("appid", appid),
            ("verifyclientcertrevocation", verifyclientcertrevocation),
            ("revocationfreshnesstime", revocationfreshnesstime), ("usagecheck", usagecheck),
            ("sslctlidentifier", sslctlidentifier), ("crlfile", crlfile),
            ("clientcertnegotiation", clientcertnegotiation), ("reject", reject),
            ("disablehttp2", disablehttp2),
            ("disabletls12", disabletls12), ("disabletls13", disabletls13),
            ("disablelegacytls", disablelegacytls),
            ("disableocspstapling", disableocspstapling), ("enablesessionticket", enablesessionticket),
            ("disablesessionid", disablesessionid), ("logextendedevents", logextendedevents),
        ]
        return all.compactMap { name, value in value.map { NamedValue(name, $0) } }
    }
}

/// The properties of a queue that outlives its processes.
struct QueueOptions: ParsableArguments {
    @Option(help: "The queue's name.")
    var name: String
    @Option(help: "A URL prefix whose requests it takes. May be repeated.")
    var url: [String] = []
    @Option(help: "A user who may attach to it; @group for a group, everyone for all. May be repeated.")
    var user: [String] = []
    @Option(help: "Requests that may wait: 1 to 65535. Default 1000.")
    var length: String?
    @Option(
        help:
            "What clients see of a refused request: basic (a reset), limited (503), full (503 with the reason)."
    )
    var verbosity: String?
    @Option(help: "yes or no: whether it takes requests.")
    var enabled: String?
    @Option(help: "The systemd unit that serves it, started by the first request; empty for none.")
    var unit: String?
    @Option(help: "Seconds in which a process must be ready. Default 90.")
    var startup: String?
    @Option(help: "Seconds without a request after which the process is stopped; 0 is never. Default 1200.")
    var idle: String?

    /// What was given.
    func values() throws -> [NamedValue] {
        let single: [(String, String?)] = [
            ("length", length), ("verbosity", verbosity), ("enabled", enabled), ("unit", unit),
            ("startup", startup),
            ("idle", idle),
        ]
        return single.compactMap { name, value in value.map { NamedValue(name, $0) } }
            + url.map { NamedValue("url", $0) }
            + (try user.map { NamedValue("allow", $0.isEmpty ? "" : try Accounts.user($0).text) })
    }
}
