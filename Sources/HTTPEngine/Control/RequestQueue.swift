// SPDX-License-Identifier: Apache-2.0

import HTTPWire
import Synchronization

/// Where requests wait for an application: the seam between the engine and those who answer.
///
/// A queue belongs to no loop: each loop keeps the requests it has queued here in a list of its own, and
/// only their number is shared. Delivery to an application in the same process is a call on the same thread.
public final class RequestQueue: Sendable {
    /// A number unique in this process.
    public let id: UInt64
    /// Name shown in logs and state listings.
    public let name: String
    /// Requests an application works on at once, `nil` for no limit; those over it wait.
    public let concurrencyMax: Int?
    /// Where the queue's handlers run.
    public let scheduling: HandlerScheduling

    private let waitingMax: Atomic<Int>
    private let verbosityNumber: Atomic<UInt8>
    private let waiting = Atomic<Int>(0)
    private let inProgress = Atomic<Int>(0)
    private let closed = Atomic<Bool>(false)
    private let offline = Atomic<Bool>(false)
    private let attached = Mutex<(any RequestConsumer)?>(nil)

    /// Makes a queue that no application serves yet.
    public init(
        name: String,
        lengthMax: Int = 1000,
        concurrencyMax: Int? = nil,
        verbosity: Verbosity503 = .limited,
        scheduling: HandlerScheduling = .loop
    ) {
        id = Identifiers.next()
        self.name = name
        waitingMax = Atomic(lengthMax)
        self.concurrencyMax = concurrencyMax
        verbosityNumber = Atomic(verbosity.rawValue)
        self.scheduling = scheduling
    }

    /// Requests that may wait at once; over it 503 (`QueueFull`).
    ///
    /// Default 1000. May change; those that wait already stay.
    public var lengthMax: Int {
        get { waitingMax.load(ordering: .relaxed) }
        set { waitingMax.store(newValue, ordering: .relaxed) }
    }

    /// What a client sees when the queue refuses its request.
    ///
    /// Default `limited`. May change.
    public var verbosity: Verbosity503 {
        get { Verbosity503(rawValue: verbosityNumber.load(ordering: .relaxed)) ?? .limited }
        set { verbosityNumber.store(newValue.rawValue, ordering: .relaxed) }
    }

    /// Whether the queue takes requests; off, new ones get 503 (`AppShutdown`), and those that wait go on waiting.
    public var isActive: Bool {
        get { !isClosed }
        set {
            closed.store(!newValue, ordering: .relaxed)
            if newValue { offline.store(false, ordering: .relaxed) }
        }
    }

    /// Why a closed queue takes no requests.
    var refusal: Refusal { offline.load(ordering: .relaxed) ? .appOffline : .appShutdown }

    /// Refuses requests from now on with 503 (`AppOffline`): its application has failed too often.
    ///
    /// `Engine.takeOffline(_:)` refuses those that wait, too; `isActive` takes it back.
    func goOffline() {
        offline.store(true, ordering: .relaxed)
        closed.store(true, ordering: .relaxed)
    }

    /// Requests waiting now, over all loops.
    public var waitingCount: Int { waiting.load(ordering: .relaxed) }

    /// Requests being answered now, where `concurrencyMax` is set; else 0.
    public var inProgressCount: Int { inProgress.load(ordering: .relaxed) }

    /// Whether the queue takes no more requests.
    var isClosed: Bool { closed.load(ordering: .relaxed) }

    /// The application that serves this queue, if any.
    ///
    /// Takes a lock; loops keep what they found.
    var consumer: (any RequestConsumer)? { attached.withLock { $0 } }

    /// Makes `consumer` the application that answers this queue's requests.
    public func attach(_ consumer: any RequestConsumer) {
        attached.withLock { $0 = consumer }
    }

    /// The queue's way to other processes; `nil` where it has none.
    public var remoteConsumer: QueueConsumer? { consumer as? QueueConsumer }

    /// Refuses new requests from now on with 503 (`AppShutdown`).
    public func shutDown() { closed.store(true, ordering: .relaxed) }

    /// Takes a place among the requests in progress; `false` when all are taken.
    func takeProgress() -> Bool {
        guard let concurrencyMax else { return true }
        if inProgress.add(1, ordering: .relaxed).newValue <= concurrencyMax { return true }
        inProgress.subtract(1, ordering: .relaxed)
        return false
    }

    /// Gives back a place taken with `takeProgress()`.
    func giveProgress() {
        if concurrencyMax != nil { inProgress.subtract(1, ordering: .relaxed) }
    }

    /// Takes a place in the queue; `false` when it is full.
    func takePlace() -> Bool {
        if waiting.add(1, ordering: .relaxed).newValue <= lengthMax { return true }
        waiting.subtract(1, ordering: .relaxed)
        return false
    }

    /// Takes a place for a request that had left the queue and comes back, also where it is full.
    func returnPlace() { waiting.add(1, ordering: .relaxed) }

    /// Leaves the queue.
    func leavePlace() { waiting.subtract(1, ordering: .relaxed) }
}

/// An application behind a queue, in this process or another.
public protocol RequestConsumer: AnyObject, Sendable {
    /// Answers one request and returns when its response is complete or the request aborted.
    ///
    /// Called in a task of its own or one that answers many in turn; on the loop's executor unless the
    /// queue says otherwise.
    func consume(_ exchange: Exchange) async
}
