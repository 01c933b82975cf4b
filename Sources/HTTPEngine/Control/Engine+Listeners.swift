// SPDX-License-Identifier: Apache-2.0

public import IORing
import Synchronization
public import URLPrefixes

// Where the engine listens.
extension Engine {
    /// Listens at an address that no prefix names, such as a Unix socket or an inherited descriptor.
    ///
    /// - Parameters:
    ///   - listener: the socket.
    ///   - scheme: how requests there are routed.
    ///   - port: the port they are routed by.
    ///   - configure: changes what its connections are held to, after the options' rules.
    public func listen(
        _ listener: Listener,
        scheme: URLPrefix.Scheme,
        port: UInt16,
        configure: (inout ListenerOptions) -> Void = { _ in }
    ) {
        // Every loop accepts from the one socket.
        let listeners = Array(repeating: listener, count: max(1, control.withLock { $0.loops.count }))
        var options = listenerOptions(listener.address, askedPort: port)
        configure(&options)
        add(
            listeners,
            address: listener.address,
            scheme: scheme,
            routedPort: port,
            useCount: .max / 2,
            options
        )
        acceptWaiting()
    }

    /// What the connections of a listener are held to: the engine's options and the rules that match, in order.
    private func listenerOptions(_ address: SocketAddress, askedPort: UInt16) -> ListenerOptions {
        var own = standardListenerOptions
        own.expectsProxyHeader =
            address.family != .unix && options.proxyProtocolPorts.contains(address.port)
        for rule in options.listeners where rule.matches(address, askedPort: askedPort) {
            rule.configure(&own)
        }
        return own
    }

    /// The engine's options, with the time-outs that are in effect now.
    private var standardListenerOptions: ListenerOptions {
        var options = ListenerOptions(self.options)
        let timeouts = control.withLock { $0.timeouts }
        options.headerWait = timeouts.headerWait
        options.idleConnection = timeouts.idleConnection
        return options
    }

    /// Opens a Unix socket and listens there.
    ///
    /// - Parameters:
    ///   - path: at most 107 bytes.
    ///   - mode: the file's access mode; `nil` leaves it to the umask.
    ///   - scheme: how requests there are routed.
    ///   - port: the port they are routed by.
    ///   - expectsProxyHeader: whether each connection begins with a PROXY protocol header.
    ///   - configure: changes what its connections are held to.
    /// - Throws: `IORingError` where the socket can't be had.
    public func listen(
        unixSocket path: String,
        mode: UInt32? = nil,
        scheme: URLPrefix.Scheme,
        port: UInt16,
        expectsProxyHeader: Bool = false,
        configure: (inout ListenerOptions) -> Void = { _ in }
    ) throws {
        var options = Listener.Options()
        options.unixMode = mode
        let listeners = try Listener.open(SocketAddress(unixPath: path), count: 1, options: options)
        var own = standardListenerOptions
        own.expectsProxyHeader = expectsProxyHeader
        configure(&own)
        add(
            listeners,
            address: listeners[0].address,
            scheme: scheme,
            routedPort: port,
            useCount: .max / 2,
            own
        )
        acceptWaiting()
    }

    /// Accepts nothing at sockets that are opened from now on, until `acceptFromNowOn()`: for whoever has several
    /// prefixes to register before the first client comes.
    public func holdAccepting() { control.withLock { $0.isAcceptingHeld = true } }

    /// Ends what `holdAccepting()` began.
    public func acceptFromNowOn() {
        control.withLock { $0.isAcceptingHeld = false }
        acceptWaiting()
    }

    /// Has the loops accept at the sockets that wait for it.
    func acceptWaiting() {
        let waiting = control.withLock { control -> [WaitingListener] in
            guard !control.isAcceptingHeld else { return [] }
            defer { control.waitingListeners = [] }
            return control.waitingListeners
        }
        for entry in waiting {
            let handle = entry.loop
            handle.ring.post { handle.loop.listen(entry.endpoint, entry.settings, listener: entry.listener) }
        }
    }

    /// Opens all addresses that a prefix needs, or none.
    ///
    /// - Parameters:
    ///   - prefix: the prefix; port 0 takes a free one.
    ///   - listenAddresses: where wildcards and names listen; empty for everywhere.
    /// - Returns: the prefix with its real port.
    /// - Throws: `IORingError` where an address can't be had.
    func openEndpoints(for prefix: URLPrefix, at listenAddresses: [IPAddressLiteral]) throws -> URLPrefix {
        var bound = prefix
        var opened: [SocketAddress] = []
        var failure: (any Error)?
        for address in EndpointAddresses.of(prefix.host, port: prefix.port, at: listenAddresses) {
            let address = bound.port == 0 ? address : address.with(port: bound.port)
            do {
                let actual = try open(address, prefix: prefix, mayBeAbsent: !listenAddresses.isEmpty)
                bound = bound.withPort(actual.port)
                opened.append(actual)
            } catch {
                // A machine without IPv6 serves IPv4 alone, and the other way round.
                if failure == nil || !EndpointAddresses.isFamilyMissing(error) { failure = error }
                if !EndpointAddresses.isFamilyMissing(error) { break }
            }
        }
        if let failure, opened.isEmpty || !EndpointAddresses.isFamilyMissing(failure) {
            for address in opened {
                guard let (id, loops) = release(address) else { continue }
                for handle in loops { handle.ring.post { handle.loop.stopListening(id) {} } }
            }
            throw failure
        }
        return bound
    }

    private func open(
        _ address: SocketAddress,
        prefix: URLPrefix,
        mayBeAbsent: Bool
    ) throws -> SocketAddress {
        let isOpen = control.withLock { control in
            guard address.port != 0,
                let index = control.endpoints.firstIndex(where: { $0.address == address })
            else {
                return false
            }
            control.endpoints[index].useCount += 1
            return true
        }
        if isOpen { return address }
        let (count, isOurs, kept) = control.withLock { control -> (Int, Bool, [Listener]) in
            let isOurs =
                address.port != 0
                && (control.endpoints.contains { $0.address.port == address.port }
                    || control.kept.contains { $0.address.port == address.port })
            let kept = control.kept.filter { $0.address == address }
            control.kept.removeAll { $0.address == address }
            return (max(1, control.loops.count), isOurs, kept)
        }
        var listeners = Array(kept.prefix(count))
        if listeners.count < count {
            // A wildcard and an address of its own can share a port only if both say so from the first; the check
            // that nobody else has the port would meet our own listeners once there are some.
            var options = Listener.Options(sharesPort: true, refusesTakenPort: !isOurs)
            options.bindsAbsentAddress = mayBeAbsent
            listeners += try Listener.open(address, count: count - listeners.count, options: options)
        }
        add(
            listeners,
            address: listeners[0].address,
            scheme: prefix.scheme,
            routedPort: listeners[0].address.port,
            useCount: 1,
            isForPrefixes: true,
            listenerOptions(listeners[0].address, askedPort: prefix.port)
        )
        return listeners[0].address
    }

    private func add(
        _ listeners: [Listener],
        address: SocketAddress,
        scheme: URLPrefix.Scheme,
        routedPort: UInt16,
        useCount: Int,
        isForPrefixes: Bool = false,
        _ options: ListenerOptions
    ) {
        let settings = ListenerSettings(options, self, standard: standardListenerOptions)
        control.withLock { control in
            let endpoint = ListenerEndpoint(
                id: control.nextEndpointID,
                scheme: scheme,
                port: routedPort,
                address: address.isAny || address.family == .unix ? nil : address.literal,
                isUnixSocket: address.family == .unix,
                text: address.description
            )
            control.nextEndpointID += 1
            control.listenerRevision &+= 1
            control.endpoints.append(
                OpenEndpoint(
                    endpoint: endpoint,
                    address: address,
                    listeners: isForPrefixes ? listeners : [],
                    useCount: useCount
                )
            )
            for (handle, listener) in zip(control.loops, listeners) {
                control.waitingListeners.append(
                    WaitingListener(
                        endpoint: endpoint,
                        settings: settings,
                        listener: listener,
                        loop: handle
                    )
                )
            }
        }
    }

    /// Gives up a prefix's addresses; returns when those that nobody else needs are free.
    func closeEndpoints(for prefix: URLPrefix, at listenAddresses: [IPAddressLiteral]) async {
        for address in EndpointAddresses.of(prefix.host, port: prefix.port, at: listenAddresses) {
            guard let (id, loops) = release(address) else { continue }
            for handle in loops {
                await withCheckedContinuation { continuation in
                    handle.ring.post { handle.loop.stopListening(id) { continuation.resume() } }
                }
            }
        }
    }

    /// Takes back one use of an address.
    ///
    /// - Returns: the endpoint to close and the loops that have it, where that was the last use.
    private func release(_ address: SocketAddress) -> (id: UInt32, loops: [LoopHandle])? {
        control.withLock { control in
            guard let index = control.endpoints.firstIndex(where: { $0.address == address }) else {
                return nil
            }
            control.endpoints[index].useCount -= 1
            guard control.endpoints[index].useCount == 0 else { return nil }
            control.listenerRevision &+= 1
            let id = control.endpoints.remove(at: index).endpoint.id
            control.waitingListeners.removeAll { $0.endpoint.id == id }
            return (id, control.loops)
        }
    }

    // MARK: The listen list

    /// Has wildcards and names listen on these addresses only, those that are registered already too.
    ///
    /// `localhost` stays on loopback and an address on itself. An address that the machine does not have yet is
    /// taken all the same (ip(7), `IP_FREEBIND`). One call at a time, and none of `register` meanwhile.
    ///
    /// - Parameter addresses: the addresses; empty for all.
    /// - Throws: `IORingError` where one can't be had; nothing is changed then.
    public func setListenAddresses(_ addresses: [IPAddressLiteral]) async throws {
        let old = control.withLock { $0.listenAddresses }
        guard addresses != old else { return }
        var moved: [URLPrefix] = []
        do {
            for prefix in registeredPrefixes {
                _ = try openEndpoints(for: prefix, at: addresses)
                moved.append(prefix)
            }
        } catch {
            for prefix in moved { await closeEndpoints(for: prefix, at: addresses) }
            throw error
        }
        control.withLock { $0.listenAddresses = addresses }
        acceptWaiting()
        for prefix in moved { await closeEndpoints(for: prefix, at: old) }
    }

    // MARK: Over a restart

    /// Gives the engine listening sockets of an engine before it, with the clients that wait there.
    ///
    /// A prefix that comes to listen at the address of one takes it instead of opening another.
    public func keep(_ listeners: [Listener]) {
        control.withLock { control in
            control.kept += listeners
            control.listenerRevision &+= 1
        }
    }

    /// Closes the sockets given with `keep(_:)` that no prefix has come for.
    public func closeKept() {
        control.withLock { control in
            control.kept = []
            control.listenerRevision &+= 1
        }
    }

    /// Changes with every socket of `prefixSockets` that comes or goes.
    public var listenerRevision: UInt64 { control.withLock { $0.listenerRevision } }

    /// The sockets that were opened or kept for prefixes, for whoever keeps them over a restart.
    ///
    /// Hold them no longer than to pass them on: a socket closes when nobody has it any more.
    public var prefixSockets: [PrefixSockets] {
        control.withLock { control in
            var sockets = control.endpoints.filter { !$0.listeners.isEmpty }.map { endpoint in
                PrefixSockets(
                    address: endpoint.address,
                    opening: endpoint.endpoint.id,
                    listeners: endpoint.listeners
                )
            }
            for (address, listeners) in Dictionary(grouping: control.kept, by: \.address) {
                sockets.append(PrefixSockets(address: address, opening: 0, listeners: listeners))
            }
            return sockets
        }
    }
}

/// The sockets of one address, one for each loop.
public struct PrefixSockets: Sendable {
    /// Where they listen.
    public let address: SocketAddress
    /// Counts openings: an address that is closed and opened again has another number; 0 for kept ones.
    public let opening: UInt32
    /// The sockets.
    public let listeners: [Listener]
}
