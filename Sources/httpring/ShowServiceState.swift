// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService

/// How `show servicestate` orders what it shows.
enum ServiceStateView: String, ExpressibleByArgument, CaseIterable {
    case session, requestq
}

/// `httpring show servicestate`.
struct ShowServiceState: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "servicestate",
        abstract: "Shows sessions, URL groups and request queues as they are now.",
        discussion: "Administrators see all of them, others their own."
    )

    @Option(
        help: "session: sessions with their URL groups, then queues; requestq: queues with their URL groups."
    )
    var view: ServiceStateView = .session

    @OptionGroup var options: ShowOptions

    func run() throws {
        try options.use { listing in
            guard !listing.isJSON else {
                try listing.show(.serviceState, key: view.rawValue, title: "") { _ in "" }
                return
            }
            var sessions: [ControlValue] = []
            var queues: [ControlValue] = []
            try listing.client.list(.serviceState, key: view.rawValue) { record in
                if record["kind"].text == "session" { sessions.append(record) } else { queues.append(record) }
            }
            Output.write(view == .session ? Self.bySession(sessions, queues) : Self.byQueue(sessions, queues))
        }
    }

    private static func bySession(_ sessions: [ControlValue], _ queues: [ControlValue]) -> String {
        var text = Layout.heading("Snapshot of HTTP service state (Server Session View)")
        for session in sessions {
            text += ServiceStateText.session(session, level: 0)
            text += Layout.line(1, "URL groups:")
            for group in session["urlGroups"].elements { text += ServiceStateText.group(group, level: 1) }
            text += "\n"
        }
        text += "Request queues:\n"
        for queue in queues { text += ServiceStateText.queue(queue, level: 1) + "\n" }
        return text
    }

    private static func byQueue(_ sessions: [ControlValue], _ queues: [ControlValue]) -> String {
        var text = Layout.heading("Snapshot of HTTP service state (Request Queue View)")
        for queue in queues {
            text += ServiceStateText.queue(queue, level: 0)
            text += Layout.line(1, "URL groups:")
            for group in queue["urlGroups"].elements {
                text += ServiceStateText.group(group, level: 1)
                if let session = sessions.first(where: { $0["sessionId"] == group["sessionId"] }) {
                    text += ServiceStateText.session(session, level: 2)
                }
            }
            text += "\n"
        }
        return text
    }
}

/// The blocks of `show servicestate`.
enum ServiceStateText {
    private static let timeouts = GroupTimer.allCases

    /// An identifier as netsh prints it: 16 hexadecimal digits.
    private static func identifier(_ value: ControlValue) -> String {
        let digits = String(value.number, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
    }

    static func session(_ record: ControlValue, level: Int) -> String {
        var text = Layout.line(level, "Server session ID: \(identifier(record["sessionId"]))")
        text += Layout.line(level + 1, "Version: \(record["version"].text)")
        text += Layout.line(level + 1, "State: \(record["state"].text)")
        text += Layout.line(level + 1, "Properties:")
        text += Layout.line(level + 2, "Max bandwidth: 4294967295")
        text += Layout.line(level + 2, "Timeouts:")
        for timer in timeouts {
            text += Layout.line(level + 3, "\(timer.label): \(record["timeouts"][timer.rawValue].number)")
        }
        return text
    }

    static func group(_ record: ControlValue, level: Int) -> String {
        var text = Layout.line(level, "URL group ID: \(identifier(record["groupId"]))")
        text += Layout.line(level + 1, "State: \(record["state"].text)")
        let name = record["queueName"].text
        text += Layout.line(
            level + 1,
            name.isEmpty ? "Request queue is unnamed." : "Request queue name: \(name)"
        )
        text += Layout.line(level + 1, "Properties:")
        text += Layout.line(level + 2, "Max bandwidth: inherited")
        text += Layout.line(level + 2, "Max connections: inherited")
        if record["timeouts"] == .none {
            text += Layout.line(level + 2, "Timeouts:")
            text += Layout.line(level + 3, "Timeout values inherited")
        } else {
            text += Layout.line(level + 2, "Timeouts:")
            for timer in timeouts {
                text += Layout.line(level + 3, "\(timer.label): \(record["timeouts"][timer.rawValue].number)")
            }
        }
        let urls = record["urls"].elements
        text += Layout.line(level + 2, "Number of registered URLs: \(urls.count)")
        text += Layout.line(level + 2, "Registered URLs:")
        for url in urls { text += Layout.line(level + 3, url.text.uppercased()) }
        return text
    }

    static func queue(_ record: ControlValue, level: Int) -> String {
        let name = record["name"].text
        var text = Layout.line(
            level,
            name.isEmpty ? "Request queue is unnamed." : "Request queue name: \(name)"
        )
        text += Layout.line(level + 1, "Version: \(record["version"].text)")
        text += Layout.line(level + 1, "State: \(record["state"].text)")
        let verbosity = record["verbosity"].text
        text += Layout.line(
            level + 1,
            "Request queue 503 verbosity level: \(verbosity.prefix(1).uppercased() + verbosity.dropFirst())"
        )
        text += Layout.line(level + 1, "Max requests: \(record["maxRequests"].number)")
        let processes = record["processIds"].elements
        text += Layout.line(level + 1, "Number of active processes attached: \(processes.count)")
        text += Layout.line(level + 1, "Process IDs:")
        if !processes.isEmpty {
            text += Layout.line(level + 2, processes.map(\.text).joined(separator: ", "))
        }
        return text
    }
}
