// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService
import URLPrefixes

/// `httpring show`.
struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists what is set and what is alive.",
        discussion: "With --json as JSON, else as netsh lays it out; labels are never translated.",
        subcommands: [
            ShowReservations.self, ShowCertificates.self, ShowListenAddresses.self, ShowTimeouts.self,
            ShowCacheParameters.self, ShowServiceState.self, ShowCacheState.self, ShowQueues.self,
        ]
    )
}

/// What every `show` takes.
struct ShowOptions: ParsableArguments {
    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var connection: ConnectionOptions

    func use(_ body: (Listing) throws -> Void) throws {
        try connection.use { try body(Listing(client: $0, isJSON: json)) }
    }
}

/// `httpring show urlacl`.
struct ShowReservations: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "urlacl", abstract: "Lists reservations.")

    @Option(help: "The URL prefix; left out, all.")
    var url: String?

    @OptionGroup var options: ShowOptions

    func run() throws {
        try options.use { try $0.show(.reservation, key: url, title: "URL Reservations", text: Self.text) }
    }

    static func text(_ record: ControlValue) -> String {
        var text = Layout.line(1, "Reserved URL            : \(record["url"].text)")
        var descriptor = "D:"
        for user in record["users"].elements {
            guard let subject = AccessControlList.Subject(text: user["subject"].text[...]) else { continue }
            text += Layout.line(2, "User: \(Accounts.name(subject))")
            text += Layout.line(3, "Listen: \(user["listen"].text)")
            text += Layout.line(3, "Delegate: \(user["delegate"].text)")
            descriptor += SecurityDescriptor.rule(
                subject,
                listen: user["listen"].isTrue,
                delegate: user["delegate"].isTrue
            )
        }
        return text + Layout.line(3, "SDDL: \(descriptor)") + "\n"
    }
}

/// `httpring show sslcert`.
struct ShowCertificates: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sslcert",
        abstract: "Lists certificate bindings."
    )

    @OptionGroup(title: "Which connections") var key: CertificateKeyOptions
    @OptionGroup var options: ShowOptions

    func run() throws {
        try options.use {
            try $0.show(.certificate, key: key.key, title: "SSL Certificate bindings", text: Self.text)
        }
    }

    private static func text(_ record: ControlValue) -> String {
        let width = 44
        let kind = record["kind"].text
        let label =
            kind == "ipport" ? "IP:port" : kind == "ccs" ? "Central Certificate Store" : "Hostname:port"
        var text = Layout.aligned(label, record["key"].text, width: width)
        for option in CertificateSwitch.all {
            let value = record[option.name].text
            let shown =
                switch option.kind {
                case .flag: value == "enable" ? "Enabled" : "Disabled"
                case .path, .text: value.isEmpty ? "(null)" : value
                }
            text += Layout.aligned(option.label, shown, width: width)
        }
        return text + "\n"
    }
}

/// `httpring show iplisten`.
struct ShowListenAddresses: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iplisten",
        abstract: "Lists the listen list."
    )

    @OptionGroup var options: ShowOptions

    func run() throws {
        try options.use {
            try $0.show(.listenAddress, title: "IP addresses present in the IP listen list") {
                Layout.line(1, $0["address"].text)
            }
        }
    }
}

/// `httpring show timeout`.
struct ShowTimeouts: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeout",
        abstract: "Lists the service's time-outs."
    )

    @OptionGroup var options: ShowOptions

    func run() throws {
        try options.use {
            try $0.show(.timeout, title: "HTTP service timeouts") {
                Layout.line(1, "\($0["label"].text): \($0["seconds"].number)")
            }
        }
    }
}

/// `httpring show cacheparam`.
struct ShowCacheParameters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cacheparam",
        abstract: "Lists the cache's parameters."
    )

    @OptionGroup var options: ShowOptions

    func run() throws {
        try options.use {
            try $0.show(.cacheParameter, title: "Cache parameters") {
                let value = $0["value"]
                return Layout.line(1, "\($0["label"].text): \(value == .none ? "Not Set" : value.text)")
            }
        }
    }
}

/// `httpring show cachestate`.
struct ShowCacheState: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cachestate",
        abstract: "Lists stored responses."
    )

    @Option(help: "A URL; left out, all.")
    var url: String?

    @OptionGroup var options: ShowOptions

    private static let labels = [
        ("statusCode", "Status code"), ("verb", "HTTP verb"), ("policy", "Cache policy type"),
        ("creationTime", "Creation time"), ("queueName", "Request queue name"),
        ("contentType", "Content type"),
        ("contentEncoding", "Content encoding"), ("headersLength", "Headers length"),
        ("contentLength", "Content length"), ("hitCount", "Hit count"),
        ("forceDisconnect", "Force disconnect after serving"),
    ]

    func run() throws {
        try options.use {
            try $0.show(.cacheState, key: url, title: "Snapshot of HTTP response cache") { record in
                var text = Layout.line(1, "URL: \(record["url"].text)")
                for (name, label) in Self.labels {
                    let value = record[name]
                    text += Layout.line(2, "\(label): \(value == .none ? "(null)" : value.text)")
                }
                return text + "\n"
            }
        }
    }
}

/// `httpring show queue`.
struct ShowQueues: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Lists request queues: yours, or all for administrators."
    )

    @Option(help: "The queue's name; left out, all.")
    var name: String?

    @OptionGroup var options: ShowOptions

    func run() throws {
        try options.use {
            try $0.show(.queue, key: name, title: "Request queues") { record in
                var text = ServiceStateText.queue(record, level: 1)
                text += Layout.line(2, "Requests waiting: \(record["waiting"].number)")
                text += Layout.line(2, "Requests in progress: \(record["inProgress"].number)")
                text += Layout.line(2, "Requests since the start: \(record["requests"].number)")
                text += Layout.line(2, "Unit: \(record["unit"] == .none ? "(null)" : record["unit"].text)")
                for (label, name) in [("Start-up", "startup"), ("Idle stop", "idle"), ("Ping", "ping")]
                where record["unit"] != .none {
                    text += Layout.line(2, "\(label) (secs): \(record["\(name)Seconds"].number)")
                }
                let users = record["access"].elements.compactMap {
                    AccessControlList.Subject(text: $0.text[...])
                }
                text += Layout.line(
                    2,
                    "Allowed to attach: \(users.map(Accounts.name).joined(separator: ", "))"
                )
                return text + "\n"
            }
        }
    }
}
