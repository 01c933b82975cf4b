// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService
import URLPrefixes

/// `httpring dump`.
struct Dump: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints a shell script that recreates what operators have set.",
        discussion: """
            Needs root, or membership of the administrators' group. Users are written by number.

            EXAMPLE
              httpring dump > before.sh        … and on another machine:  sh before.sh
            """
    )

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.use { client in
            Output.write(
                "#!/bin/sh\n# What httpring had set. Run it as root where nothing is set yet.\nset -e\n"
            )
            try client.list(.listenAddress) {
                Self.command(["add", "iplisten"], [("ipaddress", $0["address"].text)])
            }
            try client.list(.timeout) { record in
                guard record["isSet"].isTrue else { return }
                Self.command(
                    ["add", "timeout"],
                    [("timeouttype", record["name"].text), ("value", record["seconds"].text)]
                )
            }
            try client.list(.cacheParameter) { record in
                guard record["value"] != .none else { return }
                Self.command(
                    ["add", "cacheparam"],
                    [("type", record["name"].text), ("value", record["value"].text)]
                )
            }
            try client.list(.reservation) { Self.reservation($0) }
            try client.list(.certificate) { Self.certificate($0) }
            try client.list(.queue) { Self.queue($0) }
        }
    }

    private static func reservation(_ record: ControlValue) {
        // Users of one reservation may have different rights, which only a descriptor can say in one command.
        var descriptor = "D:"
        for user in record["users"].elements {
            guard let subject = subject(user["subject"].text) else { continue }
            descriptor += SecurityDescriptor.rule(
                subject,
                listen: user["listen"].isTrue,
                delegate: user["delegate"].isTrue
            )
        }
        command(["add", "urlacl"], [("url", record["url"].text), ("sddl", descriptor)])
    }

    private static func certificate(_ record: ControlValue) {
        let given = record["given"].elements.map { ($0.text, record[$0.text].text) }
        command(["add", "sslcert"], [(record["kind"].text, record["key"].text)] + given)
    }

    private static func queue(_ record: ControlValue) {
        guard record["isDefined"].isTrue else { return }
        var words = [
            ("name", record["name"].text), ("length", record["maxRequests"].text),
            ("verbosity", record["verbosity"].text),
            ("enabled", record["state"].text == "Active" ? "yes" : "no"),
            ("startup", record["startupSeconds"].text),
            ("idle", record["idleSeconds"].text),
            ("ping", record["pingSeconds"].text),
        ]
        if record["unit"] != .none { words.append(("unit", record["unit"].text)) }
        words += record["urls"].elements.map { ("url", $0.text) }
        for text in record["access"].elements.map(\.text) {
            switch subject(text) {
            case .user(let id): words.append(("user", "\(id)"))
            case .group(let id): words.append(("user", "@\(id)"))
            case .everyone: words.append(("user", "everyone"))
            case nil: continue
            }
        }
        command(["add", "queue"], words)
    }

    private static func command(_ words: [String], _ parameters: [(String, String)]) {
        let quoted = parameters.map { "\($0)=" + quote($1) }
        Output.write((["httpring"] + words + quoted).joined(separator: " ") + "\n")
    }

    /// A word that a shell reads as it is.
    private static func quote(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "/:.,_-@+%".utf8.contains(byte)
        }
        guard !isPlain || text.isEmpty else { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
            + "'"
    }
}

/// The subject of a text of the control protocol.
private func subject(_ text: String) -> AccessControlList.Subject? {
    AccessControlList.Subject(text: text[...])
}
