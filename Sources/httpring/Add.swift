// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService

/// `httpring add`.
struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Adds a reservation, certificate binding, listen address, time-out, cache parameter or queue.",
        subcommands: [
            AddReservation.self, AddCertificate.self, AddListenAddress.self, AddTimeout.self,
            AddCacheParameter.self, AddQueue.self,
        ]
    )
}

/// `httpring add urlacl`.
struct AddReservation: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "urlacl",
        abstract: "Reserves a URL prefix for users.",
        discussion: """
            Whoever has the right to listen may register the prefix and what is below it; whoever has the right to \
            delegate may reserve what is below it for others, but not listen. Only root, administrators and holders \
            of the right to delegate on the reservation above may reserve. To change a reservation, delete it first.

            EXAMPLES
              httpring add urlacl url=http://+:80/shop/ user=alice
              httpring add urlacl url=http://www.example.com:80/ user=@web delegate=yes
              httpring add urlacl url=http://+:8080/ sddl='D:(A;;GX;;;WD)'
            """
    )

    @Option(help: "The URL prefix: http://HOST:PORT/PATH/, HOST one of +, a name, *.name, an address, *.")
    var url: String

    @Option(help: "A user by name or number; @group for a group, everyone for all. May be repeated.")
    var user: [String] = []

    @Option(help: "A group by name or number. May be repeated.")
    var group: [String] = []

    @Option(help: "yes or no: whether they may register the prefix. Default yes.")
    var listen: YesNo = .yes

    @Option(help: "yes or no: whether they may reserve what is below it. Default no.")
    var delegate: YesNo = .no

    @Option(help: "A security descriptor instead of users.")
    var sddl: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard (sddl == nil) != (user.isEmpty && group.isEmpty) else {
            throw ValidationError("Say for whom: user=, group= or sddl=.")
        }
        guard listen == .yes || delegate == .yes else {
            throw ValidationError("With listen=no and delegate=no nobody gets a right.")
        }
    }

    func run() throws {
        var values: [NamedValue] = []
        if let sddl {
            for entry in try SecurityDescriptor.parse(sddl) {
                let parts = entry.text.split(separator: "=")
                values.append(NamedValue(String(parts[0]), String(parts[1])))
            }
        }
        let rights = [(listen, "listen"), (delegate, "delegate")].filter { $0.0 == .yes }.map(\.1)
        for subject in try user.map(Accounts.user) + group.map(Accounts.group) {
            values.append(NamedValue(subject.text, rights.joined(separator: ",")))
        }
        try connection.perform(
            .add(.reservation, key: url, values: values),
            success: "URL reservation successfully added"
        )
    }
}

/// `httpring add sslcert`.
struct AddCertificate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sslcert",
        abstract: "Binds a certificate to connections.",
        discussion: """
            A connection gets the certificate of the host name it asks for, else of its address and port.

            EXAMPLES
              httpring add sslcert hostnameport=www.example.com:443 certfile=/etc/ssl/www.pem keyfile=/etc/ssl/www.key
              httpring add sslcert ipport=0.0.0.0:443 certfile=/etc/ssl/all.pem disabletls12=enable
            """
    )

    @OptionGroup(title: "Which connections") var key: CertificateKeyOptions
    @OptionGroup(title: "Parameters") var options: CertificateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .add(.certificate, key: try key.required(), values: options.values),
            success: "SSL Certificate successfully added"
        )
    }
}

/// `httpring add iplisten`.
struct AddListenAddress: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iplisten",
        abstract: "Adds an address to those that wildcards and names listen on.",
        discussion: """
            While the list is empty they listen on all addresses. Takes effect at once, for what is registered already \
            too. 'localhost' stays on loopback, and a prefix of an address on it. The machine need not have the \
            address yet.
            """
    )

    @Option(help: "An IPv4 or IPv6 address without a port.")
    var ipaddress: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .add(.listenAddress, key: ipaddress, values: []),
            success: "IP address successfully added"
        )
    }
}

/// `httpring add timeout`.
struct AddTimeout: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeout",
        abstract: "Sets a time-out of the whole service.",
        discussion: """
            Counts for waits that begin from now on, over the configuration file's value.

            EXAMPLE
              httpring add timeout timeouttype=idleconnectiontimeout value=60
            """
    )

    @Option(help: "idleconnectiontimeout or headerwaittimeout.")
    var timeouttype: String

    @Option(help: "Seconds, 1 to 65535.")
    var value: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .add(.timeout, key: timeouttype, values: [NamedValue("value", Number.decimal(value))]),
            success: "Timeout value successfully added"
        )
    }
}

/// `httpring add cacheparam`.
struct AddCacheParameter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cacheparam",
        abstract: "Sets a parameter of the response cache.",
        discussion: """
            maxcacheresponsesize is the largest response that is stored from now on, 262144 unless set. Whole responses \
            are stored, so that cacherangechunksize is refused (exit code 81).

            EXAMPLE
              httpring add cacheparam type=maxcacheresponsesize value=1048576
            """
    )

    @Option(help: "maxcacheresponsesize.")
    var type: String

    @Option(help: "Bytes.")
    var value: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .add(.cacheParameter, key: type, values: [NamedValue("value", Number.decimal(value))]),
            success: "Cache parameter successfully added"
        )
    }
}

/// `httpring add queue`.
struct AddQueue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Defines a request queue that outlives its processes.",
        discussion: """
            Its prefixes are registered as long as the service runs; requests wait until a process attaches, and \
            start its unit where one is named.

            EXAMPLE
              httpring add queue name=shop url=http://+:80/shop/ user=alice unit=shop.service
            """
    )

    @OptionGroup var options: QueueOptions
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .add(.queue, key: options.name, values: try options.values()),
            success: "Request queue successfully added"
        )
    }
}

/// Numbers as netsh takes them.
enum Number {
    /// `0x78` as `120`; anything else as it is, for the service to judge.
    static func decimal(_ text: String) -> String {
        guard text.lowercased().hasPrefix("0x"), let value = UInt32(text.dropFirst(2), radix: 16) else {
            return text
        }
        return "\(value)"
    }
}
