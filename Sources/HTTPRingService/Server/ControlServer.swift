// SPDX-License-Identifier: Apache-2.0

import Glibc
public import IORing

/// Serves the control socket on the thread that calls `run()`.
///
/// One thread with poll(2) over all clients: the control plane needs no lock, and no client waits for another's
/// slowness. Not for the request path.
public final class ControlServer {
    /// Milliseconds a client has to greet.
    private static let greetingMilliseconds: UInt64 = 10_000

    private let listener: Listener
    private let plane: ControlPlane
    private let limits: ControlLimits
    private let mailbox: ControlMailbox
    private var connections: [ClientID: ControlConnection] = [:]
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    private var events: [(ClientID, ControlEvent, UInt64)] = []
    /// Clients that the plane parts from.
    private var parted: [(ClientID, ControlFailure)] = []
    /// Monotonic milliseconds until which no connection is accepted, for want of descriptors.
    private var acceptsAfter: UInt64 = 0
    /// Called each turn, at least once a second: the sign of life that a watchdog wants.
    public var onTurn: () -> Void = {}

    /// Makes a server.
    ///
    /// - Parameters:
    ///   - listener: the control socket.
    ///   - plane: does what clients ask.
    ///   - limits: what clients may hold.
    ///   - mailbox: work from other threads.
    public init(listener: Listener, plane: ControlPlane, limits: ControlLimits, mailbox: ControlMailbox) {
        self.listener = listener
        self.plane = plane
        self.limits = limits
        self.mailbox = mailbox
        UnixSocket.setFlags(listener.descriptor)
        plane.listeners.event = { [unowned self] client, event, object in
            // Sent at the end of the turn: the plane is in the middle of something.
            events.append((client, event, object))
        }
        plane.listeners.disconnect = { [unowned self] client, failure in parted.append((client, failure)) }
    }

    /// Serves until the mailbox says stop; then all connections are closed.
    public func run() {
        while true {
            onTurn()
            sendEvents()
            let now = Self.milliseconds()
            var polled = [
                pollfd(fd: mailbox.readEnd, events: Int16(POLLIN), revents: 0),
                pollfd(fd: now < acceptsAfter ? -1 : listener.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let order = Array(connections.values)
            for connection in order {
                polled.append(pollfd(fd: connection.descriptor, events: connection.events, revents: 0))
            }
            _ = poll(&polled, nfds_t(polled.count), 1000)
            if polled[0].revents != 0 {
                let (work, isStopping) = mailbox.take()
                for work in work { work(plane) }
                if isStopping { break }
            }
            for (index, connection) in order.enumerated() where polled[index + 2].revents != 0 {
                serve(connection, polled[index + 2].revents)
            }
            if polled[1].revents != 0 { acceptAll(Self.milliseconds()) }
            dropSilent(Self.milliseconds())
            sendEvents()
        }
        for client in Array(connections.keys) { drop(client) }
    }

    private func serve(_ connection: ControlConnection, _ revents: Int16) {
        var goesOn = true
        if revents & Int16(POLLIN) != 0 {
            goesOn = connection.readable(plane, &buffer)
        } else if revents & Int16(POLLOUT) != 0 {
            goesOn = connection.proceed(plane)
        } else {
            goesOn = false
        }
        if !goesOn { drop(connection.client) }
    }

    private func drop(_ client: ClientID) {
        guard connections.removeValue(forKey: client) != nil else { return }
        plane.disconnected(client)
    }

    private func acceptAll(_ now: UInt64) {
        for _ in 0..<64 {
            let descriptor = UnixSocket.accept(listener.descriptor)
            guard descriptor >= 0 else {
                // Without a descriptor left the socket stays readable: rest, don't spin.
                if descriptor == -EMFILE || descriptor == -ENFILE || descriptor == -ENOMEM {
                    acceptsAfter = now + 100
                }
                return
            }
            greet(descriptor, now)
        }
    }

    private func greet(_ descriptor: Int32, _ now: UInt64) {
        guard let identity = UnixSocket.identity(of: descriptor) else {
            Glibc.close(descriptor)
            return
        }
        do throws(ControlFailure) {
            let client = try plane.connected(identity)
            connections[client] = ControlConnection(
                descriptor: descriptor,
                client: client,
                messageBytesMax: limits.messageBytesMax,
                greetingDeadline: now + Self.greetingMilliseconds
            )
        } catch {
            // Turned away with the reason, as far as the socket's empty buffer takes it.
            let message = ControlAnswer.failed(error).encoded(number: 0)
            _ = UnixSocket.send(descriptor, ControlFramer.framed(message)[...])
            Glibc.close(descriptor)
        }
    }

    private func dropSilent(_ now: UInt64) {
        for connection in connections.values where !connection.isGreeted && now > connection.greetingDeadline
        {
            drop(connection.client)
        }
    }

    private func sendEvents() {
        while !events.isEmpty {
            let told = events
            events = []
            for (client, event, object) in told {
                guard let connection = connections[client] else { continue }
                if !connection.tell(event, object) { drop(client) }
            }
        }
        let dropped = parted
        parted = []
        for (client, failure) in dropped {
            guard let connection = connections[client] else { continue }
            connection.end(failure)
            _ = connection.proceed(plane)
            drop(client)
        }
    }

    static func milliseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
