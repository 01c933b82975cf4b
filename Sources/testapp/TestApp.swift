// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import HTTPFeatures
import HTTPRing
import TestAppRoutes

/// The application that conformance suites, attack suites and load generators talk to.
@main
struct TestApp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testapp",
        abstract: "Serves the routes every test suite relies on.",
        discussion:
            "Prints one line when every listener accepts. SIGTERM or SIGINT stops it within 5 seconds."
    )

    @Option(help: "A cleartext listener, HOST:PORT[/PATH/]; port 0 takes a free one. Repeatable.")
    var http: [ListenAddress] = []

    @Option(help: "A TLS listener, HOST:PORT[/PATH/].")
    var https: [ListenAddress] = []

    @Option(help: "A QUIC listener, HOST:PORT.")
    var http3: [ListenAddress] = []

    @Option(help: "The certificate chain of the TLS listeners, PEM.")
    var cert: String?

    @Option(help: "The private key of the TLS listeners, PEM.")
    var key: String?

    @Option(help: "Event loops; one for each core unless given.")
    var workers: Int?

    @Option(
        help: "A queue of the service's to attach to, instead of listening: the service has the listeners."
    )
    var attach: String?

    @Option(help: "The control socket of the service.")
    var serviceSocket: String?

    @Option(
        name: .customLong("delegate-to"),
        help: "A queue of the service to hand requests on to whose query is 'delegate'; with --attach."
    )
    var delegateTo: String?

    @OptionGroup(title: "Limits")
    var limits: LimitOptions

    @Option(help: "A directory whose files are served below /files/.")
    var root: String?

    func validate() throws {
        if !http3.isEmpty { throw ValidationError("--http3 is not available: use --https.") }
        if !https.isEmpty, attach == nil, cert == nil || key == nil {
            throw ValidationError("--https needs --cert PEM and --key PEM; tools/dev-cert makes them.")
        }
        if http.isEmpty, https.isEmpty {
            throw ValidationError("Give at least one listener: --http HOST:PORT or --https HOST:PORT.")
        }
        if serviceSocket != nil, attach == nil {
            throw ValidationError("--service-socket goes with --attach QUEUE.")
        }
        if let workers, workers < 1 { throw ValidationError("--workers is at least 1.") }
    }

    func run() async throws {
        var options = HTTPRingServerOptions()
        options.loopCount = workers
        options.shutdownTimeout = .seconds(5)
        limits.apply(to: &options)
        if let cert, let key {
            let identity = TLSIdentity(certificateFile: cert, keyFile: key)
            options.tls = TLSServerConfiguration(identities: [identity])
        }
        let prefixes = http.map { $0.urlPrefix(scheme: "http") } + https.map { $0.urlPrefix(scheme: "https") }
        let targets = [delegateTo].compactMap { $0 }
        if let attach {
            options.host = .service(queue: attach, socket: serviceSocket, delegatesTo: targets)
        }
        let server = try HTTPRingServer(urlPrefixes: prefixes, options: options)
        let routes = TestRoutes(statistics: { TestApp.read(server) }, files: try fileHandler())
        let listeners = http.map { ("http", $0) } + https.map { ("https", $0) }
        let target = delegateTo
        try await server.run(onReady: { TestApp.announce($0, listeners) }) { context in
            if let target, context.request.queryString == "?delegate",
                let feature = context.features[(any HTTPDelegationFeature).self]
            {
                try await feature.delegate(to: target)
            } else {
                try await routes.handle(context)
            }
        }
    }

    private func fileHandler() throws -> (@Sendable (HTTPContext) async throws -> Bool)? {
        guard let root else { return nil }
        let files = try StaticFiles(root: root, requestPath: "/files")
        return { try await files.respond($0) }
    }

    /// Prints the one line that suites wait for.
    ///
    /// - Parameters:
    ///   - prefixes: the server's URL prefixes with the ports it got, in the order they were given.
    ///   - listeners: the addresses asked for, in the same order.
    private static func announce(_ prefixes: [String], _ listeners: [(String, ListenAddress)]) {
        var line = "ready pid=\(getpid())"
        for ((scheme, listener), prefix) in zip(listeners, prefixes) {
            line += " \(scheme)=\(listener.host):\(ListenAddress.port(of: prefix) ?? listener.port)"
        }
        // Written at once: a suite waits for it at the other end of a pipe.
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }

    private static func read(_ server: HTTPRingServer) -> TestAppStatistics {
        let statistics = server.statistics
        return TestAppStatistics(
            connectionsOpen: Int(statistics.connectionsOpen),
            requestsTotal: Int(statistics.requestsTotal),
            requestsInProgress: Int(statistics.requestsInProgress),
            residentByteCount: ResidentMemory.byteCount()
        )
    }
}
