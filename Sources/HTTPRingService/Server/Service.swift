// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPEngine
import HTTPRingControl
import HTTPSecure
public import IORing
import URLPrefixes

/// The service: engine, control plane and control socket in one process.
///
/// Made and run on one thread, the control thread, which blocks in `run()`; `mailbox` reaches it from others.
public final class Service {
    /// What is put into the service by whoever makes it.
    public struct Parts {
        /// Makes what hands requests to other processes; without it nobody can attach.
        public var makeAttacher: ((EngineHost) -> any QueueAttacher)?
        /// Starts applications; without it they start themselves.
        public var activator: (any QueueActivator)?
        /// Listening sockets that the starter passed on.
        ///
        /// One named `control` is the control socket; those that `ListenerStore` handed over wait for their
        /// prefixes; others serve HTTP on their ports.
        public var listeners: [Listener] = []
        /// A line for the service's log, without its end; any thread.
        public var log: @Sendable (String) -> Void = { _ in }

        /// Makes parts of a service of its own.
        public init() {}
    }

    /// Work for the control thread from other threads; its `stop()` ends `run()`.
    public let mailbox: ControlMailbox
    private let configuration: ServiceConfiguration
    private let engine: Engine
    private let plane: ControlPlane
    private let server: ControlServer
    private let notifier: SystemdNotifier
    private let lock: InstanceLock
    private let listenerStore: ListenerStore
    private let care: CertificateCare?
    private let waiter: EngineWaiter
    private let log: @Sendable (String) -> Void

    /// Takes the lock, reads the state, starts the engine and opens the control socket.
    ///
    /// - Parameters:
    ///   - configuration: what the service is told.
    ///   - parts: what is put into it.
    ///   - notifier: tells systemd how it is.
    /// - Throws: an error that says in words what to do; nothing runs then.
    public init(configuration: ServiceConfiguration, parts: Parts, notifier: SystemdNotifier) throws {
        self.configuration = configuration
        self.notifier = notifier
        log = parts.log
        lock = try InstanceLock(path: configuration.lockFile)
        let store = StateStore(path: configuration.stateFile)
        let state = try store.load()
        mailbox = try ControlMailbox()
        waiter = try EngineWaiter()
        let group = try configuration.administratorsGroupID()

        var options = configuration.engine
        options.loopCount = min(options.loopCount ?? Processors.usable.count, AttachmentFormat.loopCountMax)
        options.listeners += configuration.proxyProtocol.map(\.proxyHeaderRule)
        let log = parts.log
        do {
            options.tls = try TLSServerContext(.serving(state.certificates))
        } catch {
            // One certificate that cannot be read takes none of the others along.
            let (usable, problems) = TLSServerConfiguration.usable(state.certificates)
            for problem in problems { log("warning: \(problem)") }
            options.tls = try TLSServerContext(.serving(usable))
        }
        engine = try Engine(options: options) { event in log(Self.words(event)) }
        try engine.start()
        // Clients that wait at sockets from before meet all prefixes of defined queues, or none.
        engine.holdAccepting()
        var control: Listener?
        for listener in parts.listeners where !ListenerStore.isKept(listener) {
            if listener.name == "control" {
                control = listener
            } else {
                let isSecure = listener.name?.hasPrefix("https") == true
                engine.listen(listener, scheme: isSecure ? .https : .http, port: listener.address.port)
            }
        }
        listenerStore = ListenerStore(
            engine: engine,
            notifier: notifier,
            kept: parts.listeners.filter(ListenerStore.isKept)
        )
        care = options.tls.map {
            CertificateCare($0, reloadInterval: configuration.certificateReloadInterval, log: log)
        }
        let host = try EngineHost(engine: engine)
        plane = ControlPlane(
            state: state,
            store: store,
            engine: host,
            limits: configuration.controlLimits,
            administratorsGroup: group,
            attacher: parts.makeAttacher?(host),
            activator: parts.activator
        )
        plane.standardTimeouts = configuration.engine.timeouts
        plane.listeners.audit = { log($0.description) }
        if control == nil {
            var options = Listener.Options()
            options.unixMode = configuration.controlSocketMode
            control = try Listener.open(
                SocketAddress(unixPath: configuration.controlSocket),
                options: options
            )[0]
        }
        guard let control else { preconditionFailure("The control socket was passed on or opened.") }
        server = ControlServer(
            listener: control,
            plane: plane,
            limits: configuration.controlLimits,
            mailbox: mailbox
        )
    }

    /// Serves until `mailbox.stop()`, then lets requests in progress end.
    public func run() {
        for failure in plane.start() { log("warning: \(failure.words)") }
        engine.acceptFromNowOn()
        var lastTick: UInt64 = 0
        server.onTurn = { [notifier, plane, listenerStore, care] in
            notifier.alive()
            let now = ControlServer.milliseconds()
            listenerStore.update(now: now)
            guard now >= lastTick + 1000 else { return }
            lastTick = now
            plane.tick(now: now)
            care?.tick(now: .milliseconds(Int64(clamping: now)))
        }
        listenerStore.update(now: ControlServer.milliseconds())
        let reservations = CountedNoun(plane.state.reservations.count, "reservation")
        notifier.ready("\(reservations), \(CountedNoun(plane.state.queues.count, "queue"))")
        log("ready: control socket \(configuration.controlSocket), \(reservations)")
        if !configuration.proxyProtocol.isEmpty {
            let places = configuration.proxyProtocol.map(\.description).joined(separator: ", ")
            log("connections at \(places) begin with a PROXY protocol header, or are closed")
        }
        server.run()
        notifier.stopping()
        log("stopping: requests in progress have \(configuration.shutdownTimeout)")
        let engine = engine
        let deadline = configuration.shutdownTimeout
        waiter.wait { await engine.stop(within: deadline) }
        log("stopped")
    }

    /// Puts a configuration that was read again into effect, as far as that is possible while running.
    ///
    /// In effect at once: `administrators-group` and what `[control]` limits. Certificate files that have changed are
    /// read again. Control thread only.
    ///
    /// - Parameters:
    ///   - configuration: the new configuration.
    ///   - plane: the plane, as the mailbox hands it out.
    /// - Throws: for a group that is not there, with nothing changed; for a certificate that cannot be read, with the
    ///   certificates as they were.
    public static func reload(_ configuration: ServiceConfiguration, _ plane: ControlPlane) throws {
        let group = try configuration.administratorsGroupID()
        plane.administratorsGroup = group
        plane.limits = configuration.controlLimits
        _ = try plane.engine.reloadCertificates()
    }

    private static func words(_ event: EngineEvent) -> String {
        switch event {
        case .handlerFailed(let error, let request): "error: the handler of \(request) failed: \(error)"
        case .acceptPaused(let endpoint, let code):
            "warning: accepting at \(endpoint) rests: \(String(cString: strerror(code))). Raise LimitNOFILE."
        }
    }
}

extension ServiceConfiguration {
    /// The number of the administrators' group; `nil` where there is none.
    ///
    /// - Throws: for a name that no group has.
    public func administratorsGroupID() throws(ControlFailure) -> UInt32? {
        guard let name = administratorsGroup else { return nil }
        if let number = UInt32(name) { return number }
        guard let entry = getgrnam(name) else {
            throw ControlFailure(
                .badValue,
                "There is no group '\(name)', which administrators-group in [service] names. Make it with 'groupadd "
                    + "\(name)', or name another."
            )
        }
        return entry.pointee.gr_gid
    }
}

extension TimeoutManager {
    /// Puts service-wide time-outs that were set over the configuration's.
    mutating func apply(_ timeouts: [ServiceTimeout: UInt16]) {
        if let seconds = timeouts[.idleConnection] { idleConnection = .seconds(Int64(seconds)) }
        if let seconds = timeouts[.headerWait] { headerWait = .seconds(Int64(seconds)) }
    }
}
