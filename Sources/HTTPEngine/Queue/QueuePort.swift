// SPDX-License-Identifier: Apache-2.0

import IORing
import QueueTransport

/// One end of a queue to another process, as a loop drives it.
///
/// Loop-affine. A subclass for each side: the service's and the worker's.
class QueuePort {
    @exclusivity(unchecked) unowned(unsafe) let loop: EngineLoop
    /// Told once, when the port has ended by itself: with what the other side did wrong, or `nil`.
    private let onEnd: (TransportViolation?) -> Void
    @exclusivity(unchecked) fileprivate var slot: UInt32 = 0
    @exclusivity(unchecked) fileprivate var isPolling = false
    @exclusivity(unchecked) fileprivate var isArmed = false
    /// Whether it has its turn in each of the loop's; else it sleeps until it is rung or has a request.
    @exclusivity(unchecked) fileprivate var isActive = false
    @exclusivity(unchecked) final private(set) var isOpen = true

    init(loop: EngineLoop, onEnd: @escaping (TransportViolation?) -> Void) {
        self.loop = loop
        self.onEnd = onEnd
    }

    /// The end of the queue.
    var end: QueueEnd { preconditionFailure("a port has an end") }

    /// Whether nothing is to be expected of the other side but after a ring.
    var isIdle: Bool { false }

    /// Takes what has arrived and does what had to wait for it.
    func turn() throws(TransportViolation) {}

    /// What was sent in this turn leaves.
    func published() {}

    /// Answers for all requests in progress; nothing more goes in or out.
    func closed() {}

    /// Ends the port: the other side lied, has gone, or is no longer wanted.
    final func close(_ violation: TransportViolation?) {
        guard isOpen else { return }
        isOpen = false
        loop.queues.remove(self)
        closed()
        onEnd(violation)
    }
}

/// The ports of one of the service's queues, on one loop.
///
/// Loop-affine.
final class ServedQueue {
    let queue: QueueConsumer
    @exclusivity(unchecked) fileprivate var ports: ContiguousArray<ServicePort> = []
    @exclusivity(unchecked) private var current = 0
    /// Requests that `current` may still have before it is chosen anew.
    @exclusivity(unchecked) var left = 0

    /// Requests of one turn that go to one process at most, so that a batch does not wake them all.
    static let batchMax = 16

    init(_ queue: QueueConsumer) { self.queue = queue }

    /// The port that takes the next request: the last one, while its batch lasts, else the one with the most credit.
    func withRoom() -> ServicePort? {
        if left > 0, current < ports.count, ports[current].room > 0 { return ports[current] }
        var most = 0
        for index in ports.indices where ports[index].room > most {
            most = ports[index].room
            current = index
        }
        guard most > 0 else { return nil }
        // A process that answers one at a time gets few at a time, so that none waits while another process idles.
        left = min(ServedQueue.batchMax, 1 + 2 * ports[current].answeredCount)
        return ports[current]
    }
}

/// The queues of a loop.
///
/// Loop-affine. Their turn comes once in each of the loop's, without a system call while both sides are awake; the
/// doorbells count only while the loop sleeps.
final class QueuePorts {
    @exclusivity(unchecked) private var ports: ContiguousArray<QueuePort?> = []
    @exclusivity(unchecked) private var count = 0
    /// Those that have a turn: all but the idle ones, which stay armed.
    @exclusivity(unchecked) private var active: ContiguousArray<QueuePort> = []
    @exclusivity(unchecked) private var served: [ObjectIdentifier: ServedQueue] = [:]
    @exclusivity(unchecked) private var lastServed: ServedQueue?
    @exclusivity(unchecked) private var mayBeArmed = false
    /// Whether the loop stops, so that nothing waits for another port.
    @exclusivity(unchecked) private(set) var isEnding = false

    /// Whether there is none.
    @inline(__always)
    var isEmpty: Bool { count == 0 }

    /// Takes a port in.
    func add(_ port: QueuePort) {
        let index = ports.firstIndex { $0 == nil } ?? ports.count
        if index == ports.count { ports.append(nil) }
        ports[index] = port
        port.slot = UInt32(index)
        count += 1
        activate(port)
        guard let port = port as? ServicePort else { return }
        let queue = served[ObjectIdentifier(port.queue)] ?? ServedQueue(port.queue)
        served[ObjectIdentifier(port.queue)] = queue
        queue.ports.append(port)
        port.served = queue
    }

    /// Gives a port its turns again.
    @inline(__always)
    func activate(_ port: QueuePort) { if !port.isActive { wake(port) } }

    @inline(never)
    private func wake(_ port: QueuePort) {
        port.isActive = true
        active.append(port)
        guard port.isArmed else { return }
        port.isArmed = false
        port.end.disarm(rung: false)
    }

    fileprivate func remove(_ port: QueuePort) {
        guard Int(port.slot) < ports.count, ports[Int(port.slot)] === port else { return }
        ports[Int(port.slot)] = nil
        count -= 1
        active.removeAll { $0 === port }
        port.isActive = false
        if let port = port as? ServicePort, let queue = port.served {
            queue.ports.removeAll { $0 === port }
            port.served = nil
            if queue.ports.isEmpty {
                served[ObjectIdentifier(port.queue)] = nil
                lastServed = nil
            }
        }
        if port.isPolling { port.loop.ring.cancel(QueuePorts.token(port)) }
    }

    /// The ports of one kind.
    func all<Port: QueuePort>(_: Port.Type) -> [Port] { ports.compactMap { $0 as? Port } }

    /// The port of a service's queue that can take a request now.
    func withRoom(for queue: QueueConsumer) -> ServicePort? {
        if let lastServed, lastServed.queue === queue { return lastServed.withRoom() }
        guard let found = served[ObjectIdentifier(queue)] else { return nil }
        lastServed = found
        return found.withRoom()
    }

    private static func token(_ port: QueuePort) -> Token {
        Token(kind: TokenKind.queue.rawValue, generation: 0, slot: port.slot)
    }

    /// The loop has woken: nobody needs to ring.
    @inline(__always)
    func awake() { if mayBeArmed { disarm() } }

    @inline(never)
    private func disarm() {
        mayBeArmed = false
        for port in active where port.isArmed {
            port.isArmed = false
            port.end.disarm(rung: false)
        }
    }

    /// A doorbell was rung.
    func rang(_ token: Token) {
        guard Int(token.slot) < ports.count, let port = ports[Int(token.slot)] else { return }
        port.isPolling = false
        port.isArmed = false
        port.end.disarm(rung: true)
        activate(port)
    }

    /// A second, more or less, has passed.
    func tick(_ now: MonotonicTime) {
        for case let port as WorkerPort in ports { port.forgetFiles(now: now.nanoseconds) }
    }

    /// Gives each port its turn.
    func pump() {
        var index = 0
        while index < active.count {
            let port = active[index]
            turn(port)
            if index < active.count, active[index] === port { index += 1 }
        }
    }

    private func turn(_ port: QueuePort) {
        do throws(TransportViolation) {
            try port.turn()
        } catch {
            port.close(error)
        }
    }

    /// The loop may sleep now: has the others ring, and takes what they have sent meanwhile.
    ///
    /// - Parameter spin: nanoseconds in which to look for that first.
    func sleep(spin: Int64) {
        for port in active {
            port.published()
            port.end.publish()
        }
        if spin > 0, hasWork(within: spin) { return }
        var index = 0
        while index < active.count {
            let port = active[index]
            index += 1
            // Handlers run next; the loop does not sleep before.
            guard !port.loop.workers.hasReady else { continue }
            if !port.isPolling {
                port.isPolling = true
                port.loop.ring.pollIn(port.end.descriptorToPoll, token: QueuePorts.token(port))
            }
            if port.end.arm() {
                // Something came in between: the loop turns once more instead of sleeping.
                port.loop.ring.post {}
            } else {
                port.isArmed = true
                if port.isIdle {
                    index -= 1
                    active.remove(at: index)
                    port.isActive = false
                } else {
                    mayBeArmed = true
                }
            }
        }
    }

    /// Looks for work of a port that expects some; the loop turns once more where there is.
    @inline(never)
    private func hasWork(within nanoseconds: Int64) -> Bool {
        guard let loop = active.first(where: { !$0.isIdle })?.loop, !loop.workers.hasReady else {
            return false
        }
        let end = MonotonicTime.read().nanoseconds &+ nanoseconds
        repeat {
            for port in active where port.end.hasWork {
                loop.ring.post {}
                return true
            }
        } while MonotonicTime.read().nanoseconds < end
        return false
    }

    /// Ends all ports: the loop stops.
    func endAll() {
        isEnding = true
        for case let port? in ports { port.close(nil) }
    }
}
