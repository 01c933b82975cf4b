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
    @Option(help: "PEM file with the certificate chain, or PKCS#12; with ccs the directory of certificates.")
    var certfile: String?
    @Option(help: "PEM file with the private key; without it the key is in certfile.")
    var keyfile: String?
    @Option(help: "File whose first line opens the key or the PKCS#12 file.")
    var passwordfile: String?
    @Option(help: "DER file with the OCSP response to staple.")
    var ocspfile: String?
    @Option(help: "A name for whoever made the binding; kept and shown.")
    var appid: String?
    @Option(
        help: "enable or disable: whether client certificates are checked against crlfile. Default enable."
    )
    var verifyclientcertrevocation: String?
    @Option(help: "PEM file of the issuers client certificates may have.")
    var sslctlidentifier: String?
    @Option(help: "PEM file of revocation lists.")
    var crlfile: String?
    @Option(
        help:
            "enable or disable: whether the client's certificate is asked for in the handshake. Default disable."
    )
    var clientcertnegotiation: String?
    @Option(help: "enable or disable: whether connections the key names are refused. Default disable.")
    var reject: String?
    @Option(help: "enable or disable: whether HTTP/2 is not offered. Default disable.")
    var disablehttp2: String?
    @Option(help: "enable or disable: whether TLS 1.2 is refused. Default disable.")
    var disabletls12: String?
    @Option(help: "enable or disable: whether TLS 1.3 is refused. Default disable.")
    var disabletls13: String?
    @Option(help: "enable or disable: whether no OCSP response is stapled. Default disable.")
    var disableocspstapling: String?
    @Option(help: "enable or disable: whether sessions resume by tickets. Default enable.")
    var enablesessionticket: String?

    /// Those that were given.
    var values: [NamedValue] {
        let all: [(String, String?)] = [
            ("certfile", certfile),
            ("keyfile", keyfile),
            ("passwordfile", passwordfile),
            ("ocspfile", ocspfile),
            ("appid", appid),
            ("verifyclientcertrevocation", verifyclientcertrevocation),
            ("sslctlidentifier", sslctlidentifier),
            ("crlfile", crlfile),
            ("clientcertnegotiation", clientcertnegotiation),
            ("reject", reject),
            ("disablehttp2", disablehttp2),
            ("disabletls12", disabletls12),
            ("disabletls13", disabletls13),
            ("disableocspstapling", disableocspstapling),
            ("enablesessionticket", enablesessionticket),
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
    @Option(
        help: "Seconds without a request after which its processes are told to end; 0 is never. Default 0."
    )
    var idle: String?
    @Option(help: "Seconds in which a process must say that it is alive; 0 asks never. Default 90.")
    var ping: String?

    /// What was given.
    func values() throws -> [NamedValue] {
        let single: [(String, String?)] = [
            ("length", length), ("verbosity", verbosity), ("enabled", enabled), ("unit", unit),
            ("startup", startup), ("idle", idle), ("ping", ping),
        ]
        return single.compactMap { name, value in value.map { NamedValue(name, $0) } }
            + url.map { NamedValue("url", $0) }
            + (try user.map { NamedValue("allow", $0.isEmpty ? "" : try Accounts.user($0).text) })
    }
}
