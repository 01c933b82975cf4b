// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import HTTPRingService
import IORing
import Synchronization
import UnixSignals

/// The service's program.
@main
struct HTTPRingDaemon: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "httpringd",
        abstract: "Runs the HTTP service in the foreground.",
        discussion: """
            Owns the ports, checks and routes requests by URL prefix, and hands them to the applications that have \
            registered. 'httpring' manages it. SIGTERM and SIGINT stop it, SIGHUP has it read its configuration again.

            It takes listening sockets from systemd (LISTEN_FDS): one named 'control' for the control socket, others \
            for the ports they are bound to. It needs CAP_NET_BIND_SERVICE for ports below 1024 and nothing else.

            EXIT CODES
              0   it was stopped
              64  the command line is wrong
              71  the machine refuses: a port, a directory, io_uring
              73  another instance runs
              78  the configuration or the state file is wrong
            """,
        version: "httpringd 1.0"
    )

    /// The configuration file that is read where none is named.
    static let standardFile = "/etc/httpring/httpringd.conf"

    @Option(name: .shortAndLong, help: ArgumentHelp("The configuration file.", valueName: "path"))
    var configuration: String = standardFile

    @Flag(help: "Check the configuration and the state file, say what is wrong, and end.")
    var check = false

    @Flag(help: "Print a configuration file with every key, its meaning and its default, and end.")
    var printConfiguration = false

    func run() throws {
        if printConfiguration {
            Self.write(ServiceConfiguration.annotatedDefaults, STDOUT_FILENO)
            return
        }
        signal(SIGPIPE, SIG_IGN)
        let read = try ConfigurationFile.read(configuration)
        if check {
            try checkState(read)
            return
        }
        try serve(read)
    }

    private func checkState(_ read: ServiceConfiguration) throws {
        do {
            _ = try read.administratorsGroupID()
            let state = try StateStore(path: read.stateFile).load()
            Self.write(
                "\(configuration) and \(read.stateFile) are right: "
                    + "\(CountedNoun(state.reservations.count, "reservation")), "
                    + "\(CountedNoun(state.certificates.count, "certificate binding")), "
                    + "\(CountedNoun(state.queues.count, "queue"))\n",
                STDOUT_FILENO
            )
        } catch {
            Self.log("error: \(error)")
            throw ExitCode(78)
        }
    }

    private func serve(_ read: ServiceConfiguration) throws {
        let notifier = SystemdNotifier()
        let service: Service
        do {
            var parts = Service.Parts()
            parts.listeners = try Listener.inherited()
            parts.log = { Self.log($0) }
            parts.makeAttacher = { host in EngineAttacher(host) { Self.log($0) } }
            parts.activator = SystemctlActivator(program: read.starter) { Self.log($0) }
            service = try Service(configuration: read, parts: parts, notifier: notifier)
        } catch {
            Self.log("error: \(error)")
            throw ExitCode(Self.exitCode(error))
        }
        let mailbox = service.mailbox
        let file = configuration
        Task.detached {
            for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) {
                if signal == .sighup {
                    mailbox.post { Self.reload(file, $0) }
                } else {
                    mailbox.stop()
                }
            }
        }
        service.run()
    }

    /// Reads the configuration again; a wrong one changes nothing.
    private static func reload(_ file: String, _ plane: ControlPlane) {
        let notifier = SystemdNotifier()
        notifier.reloading()
        do {
            try Service.reload(try ConfigurationFile.read(file), plane)
            log(
                "reloaded: certificates, administrators-group and the limits of [control] are in effect, other keys "
                    + "when the service starts the next time"
            )
        } catch is ExitCode {
            log("warning: the configuration that was in effect stays")
        } catch {
            log("warning: the configuration that was in effect stays: \(error)")
        }
        notifier.ready("configuration read again")
    }

    private static func exitCode(_ error: any Error) -> Int32 {
        if error is FileProblem { return 78 }
        guard let failure = error as? ControlFailure else { return 71 }
        return failure.code == .badValue ? 78 : failure.exitCode
    }

    /// Writes a line to standard error, with the priority that the journal understands.
    static func log(_ line: String) {
        let priority = line.hasPrefix("error:") ? "<3>" : line.hasPrefix("warning:") ? "<4>" : "<6>"
        write((isJournal ? priority : "httpringd: ") + line + "\n", STDERR_FILENO)
    }

    private static let isJournal = getenv("JOURNAL_STREAM") != nil

    private static func write(_ text: String, _ descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}
