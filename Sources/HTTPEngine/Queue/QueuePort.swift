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
    @exclusivity(unchecked) final private(set) var isOpen = true

    init(loop: EngineLoop, onEnd: @escaping (TransportViolation?) -> Void) {
        self.loop = loop
        self.onEnd = onEnd
    }

    /// The end of the queue.
    var end: QueueEnd { preconditionFailure("a port has an end") }

    /// Takes what has arrived and does what had to wait for it.
    func turn() throws(TransportViolation) {}

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

/// The queues of a loop.
///
/// Loop-affine. Their turn comes once in each of the loop's, without a system call while both sides are awake; the
/// doorbells count only while the loop sleeps.
final class QueuePorts {
    @exclusivity(unchecked) private var ports: ContiguousArray<QueuePort?> = []
    @exclusivity(unchecked) private var count = 0
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
    }

    fileprivate func remove(_ port: QueuePort) {
        guard Int(port.slot) < ports.count, ports[Int(port.slot)] === port else { return }
        ports[Int(port.slot)] = nil
        count -= 1
        if port.isPolling { port.loop.ring.cancel(QueuePorts.token(port)) }
    }

    /// The ports of one kind.
    func all<Port: QueuePort>(_: Port.Type) -> [Port] { ports.compactMap { $0 as? Port } }

    /// The port of a service's queue that can take a request now, the one with the most credit.
    func withRoom(for queue: QueueConsumer) -> ServicePort? {
        var best: ServicePort?
        for case let port? in ports {
            guard let port = port as? ServicePort, port.queue === queue, port.room > 0 else { continue }
            if best.map({ $0.room < port.room }) ?? true { best = port }
        }
        return best
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
        for case let port? in ports where port.isArmed {
            port.isArmed = false
            port.end.disarm(rung: false)
        }
    }

    /// A doorbell was rung.
    func rang(_ token: Token) {
        guard Int(token.slot) < ports.count, let port = ports[Int(token.slot)] else { return }
        port.isPolling = false
        port.end.disarm(rung: true)
    }

    /// Gives each port its turn.
    func pump() {
        for index in ports.indices {
            guard let port = ports[index] else { continue }
            turn(port)
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
    func sleep() {
        for index in ports.indices {
            guard let port = ports[index] else { continue }
            port.end.publish()
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
                mayBeArmed = true
            }
        }
    }

    /// Ends all ports: the loop stops.
    func endAll() {
        isEnding = true
        for case let port? in ports { port.close(nil) }
    }
}
