// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import Synchronization

/// An open WebSocket: messages in both directions.
///
/// Pings are answered, and sent to an idle client, without the application; Pongs and the closing handshake, too, as
/// long as it receives. Any task may send, several at once: messages go out whole, one after the other. One task at
/// a time may receive.
///
/// ```swift
/// try await context.webSocket { socket in
///     for try await message in socket.messages {
///         try await socket.send(message)
///     }
/// }
/// ```
///
/// **Limits**: holds one incoming message up to the limit of the options and 64 KiB beyond it; nothing is read from
/// the connection while the application does not receive. A send waits while more than 64 KiB are unsent.
public final class WebSocket: Sendable {
    /// The subprotocol that was agreed on, or `nil`.
    public let subprotocol: String?
    /// Whether permessage-deflate was agreed on.
    public let isCompressed: Bool

    let stream: WebSocketStream
    let incoming: Mutex<WebSocketIncoming>
    let outgoing: Mutex<WebSocketOutgoing>
    let timers = Mutex(WebSocketTimers())
    let closeTimeout: Duration
    let clock: any Clock<Duration>

    /// How much is read from the stream at a time.
    private static let readByteCountMax = 64 << 10
    /// From which size on a payload goes to the stream without being copied.
    private static let directByteCountMin = 16 << 10

    init(stream: any HTTPDuplexStream, handshake: WebSocketHandshake, options: WebSocketOptions) {
        self.stream = WebSocketStream(stream)
        subprotocol = handshake.subprotocol
        isCompressed = handshake.compression != nil
        closeTimeout = options.closeTimeout
        clock = options.clock
        let agreement = handshake.compression
        incoming = Mutex(
            WebSocketIncoming(
                reader: MessageReader(
                    messageByteCountMax: options.maxMessageByteCount,
                    frameByteCountMax: options.maxFrameByteCount,
                    inflater: agreement.map {
                        Inflater(windowBits: $0.clientWindowBits, keepsContext: $0.clientKeepsContext)
                    }
                )
            )
        )
        let compression = options.compression ?? WebSocketCompression()
        outgoing = Mutex(
            WebSocketOutgoing(
                compression: agreement == nil ? nil : compression,
                deflater: agreement.map {
                    Deflater(
                        windowBits: $0.serverWindowBits,
                        keepsContext: $0.serverKeepsContext,
                        level: compression.level,
                        memoryLevel: compression.memoryLevel
                    )
                }
            )
        )
    }

    deinit { timers.withLock { $0.cancel() } }

    // MARK: Receiving

    /// The messages as they arrive, until the peer closes.
    public var messages: WebSocketMessages { WebSocketMessages(socket: self) }

    /// The peer's close code once its side is over: `.noCode` where it gave none, `.abnormal` where it just went.
    public var closeCode: WebSocketCloseCode? { incoming.withLock { $0.closeCode } }

    /// The reason in the peer's Close, or empty.
    public var closeReason: String { incoming.withLock { $0.closeReason } }

    /// Waits for the next message.
    ///
    /// - Returns: the message; `nil` once the peer has closed or gone, as `closeCode` tells.
    /// - Throws: `WebSocketError` where the peer broke a rule, after it was told with a Close frame, or does not
    ///   answer pings; `CancellationError`; what the stream throws when the connection breaks.
    public func receive() async throws -> WebSocketMessage? {
        var step = try incoming.withLock { state throws(WebSocketError) in try state.begin() }
        do {
            while true {
                switch step {
                case .message(let message): return message
                case .ended: return nil
                case .pong(let payload): try? await send(control: .pong, payload)
                case .answerClose(let code): await finish(code == .noCode ? nil : code, "")
                case .fail(let error):
                    await finish(error.closeCode, error.detail)
                    throw error
                case .read:
                    let bytes = try await stream.read(upTo: WebSocket.readByteCountMax)
                    step = incoming.withLock { $0.took(bytes) }
                    continue
                }
                step = incoming.withLock { $0.step() }
            }
        } catch {
            incoming.withLock { state in
                state.abandon()
                if !(error is CancellationError) { state.end(.abnormal) }
            }
            throw error
        }
    }

    /// Sends this side's Close unless that was done, and ends the connection.
    private func finish(_ code: WebSocketCloseCode?, _ reason: String) async {
        _ = try? await sendClose(code, reason)
        timers.withLock { $0.cancel() }
        await stream.close()
    }

    // MARK: Sending

    /// Sends a text message.
    ///
    /// - Throws: as `send(_:)`.
    public func send(text: String) async throws {
        let turn = try outgoing.withLock { try $0.append(.text, text.utf8.span) }
        if turn != .done { try await take(turn) }
    }

    /// Sends a binary message.
    ///
    /// - Throws: as `send(_:)`.
    public func send(binary: [UInt8]) async throws { try await send(.binary, binary) }

    /// Sends a message in one frame, and waits while more than 64 KiB are unsent.
    ///
    /// Cost: small payloads are copied twice on their way to the kernel; 16 KiB and more are not copied.
    ///
    /// - Throws: `WebSocketError` with `.closed` once this side has closed; what the stream throws when the
    ///   connection has ended. A send that is cancelled while it waits ends the socket.
    public func send(_ message: WebSocketMessage) async throws { try await send(message.kind, message.bytes) }

    private func send(_ kind: WebSocketMessage.Kind, _ bytes: [UInt8]) async throws {
        if bytes.count >= WebSocket.directByteCountMin,
            let header = try outgoing.withLock({ try $0.claimDirect(kind, byteCount: bytes.count) })
        {
            return try await write(header, bytes, [])
        }
        let turn = try outgoing.withLock { try $0.append(kind, bytes.span) }
        try await take(turn)
    }

    /// Sends a Ping; the Pong shows in nothing but that the peer is there.
    ///
    /// - Parameter payload: at most 125 bytes.
    /// - Throws: `WebSocketError` with `.invalidArgument` for more bytes; as `send(_:)`.
    public func ping(_ payload: [UInt8] = []) async throws {
        guard payload.count <= 125 else {
            throw WebSocketError(.invalidArgument, "a ping of \(payload.count) bytes")
        }
        try await send(control: .ping, payload)
    }

    private func send(control opcode: Opcode, _ payload: [UInt8]) async throws {
        let turn = try outgoing.withLock { try $0.append(control: opcode, payload.span) }
        try await take(turn)
    }

    private func take(_ turn: WebSocketOutgoing.Turn) async throws {
        var turn = turn
        if turn == .wait {
            turn = try await withCheckedThrowingContinuation { waiter in
                guard let result = outgoing.withLock({ $0.wait(waiter) }) else { return }
                waiter.resume(with: result)
            }
        }
        guard turn == .write else { return }
        let (bytes, waiters) = outgoing.withLock { $0.takePending() }
        try await write(bytes, nil, waiters)
    }

    /// Writes one or two arrays, and lets those go on whose frames were in them.
    private func write(_ bytes: [UInt8], _ more: [UInt8]?, _ waiters: [WebSocketOutgoing.Waiter]) async throws
    {
        do {
            try await stream.write(bytes)
            if let more { try await stream.write(more) }
        } catch {
            let others = outgoing.withLock { $0.fail(error) }
            for waiter in waiters + others { waiter.resume(throwing: error) }
            await stream.abandon()
            throw error
        }
        let next = outgoing.withLock { $0.endWrite(spare: bytes) }
        for waiter in waiters { waiter.resume(returning: .done) }
        next?.resume(returning: .write)
    }

    // MARK: Closing

    /// Closes the socket: sends Close, waits for the peer's, and ends the connection.
    ///
    /// Messages that arrive meanwhile are thrown away, unless another task receives: then that one goes on, and this
    /// returns once Close is sent. Does nothing where this side has closed already.
    ///
    /// - Parameters:
    ///   - code: why; a code that may not be sent counts as `.normal`.
    ///   - reason: more about it, for people; what is beyond 123 bytes is cut off.
    public func close(code: WebSocketCloseCode = .normal, reason: String = "") async {
        guard (try? await sendClose(code.canBeSent ? code : .normal, reason)) == true else { return }
        startClosing()
        do {
            while try await receive() != nil {}
        } catch let error as WebSocketError where error.code == .alreadyReceiving {
            return
        } catch {
            // The peer is told all there is to tell; what is left is to end the connection.
        }
        timers.withLock { $0.cancel() }
        await stream.close()
    }

    /// Gives the peer the close timeout to answer Close.
    private func startClosing() {
        let (clock, timeout, stream) = (clock, closeTimeout, stream)
        timers.withLock {
            $0.cancel()
            $0.closing = Task {
                try? await clock.sleep(for: timeout)
                if !Task.isCancelled { await stream.abandon() }
            }
        }
    }

    /// Sends Close with 1001, as the server stops; whoever receives gets what is under way, then the end.
    ///
    /// Source: RFC 6455 §7.4.1, "an endpoint is going away, such as a server going down".
    func goAway() async {
        guard (try? await sendClose(.goingAway, "")) == true else { return }
        startClosing()
    }

    /// Sends Close where this side has not.
    ///
    /// - Returns: whether it did.
    func sendClose(_ code: WebSocketCloseCode?, _ reason: String) async throws -> Bool {
        var reason = reason
        while reason.utf8.count > 123 { reason.removeLast() }
        let turn = try outgoing.withLock { state -> WebSocketOutgoing.Turn? in
            state.isCloseSent ? nil : try state.append(close: code, reason: reason.utf8.span)
        }
        guard let turn else { return false }
        try await take(turn)
        return true
    }
}

/// The messages of a socket, as they arrive.
public struct WebSocketMessages: AsyncSequence {
    /// A message.
    public typealias Element = WebSocketMessage

    let socket: WebSocket

    /// Makes an iterator; the messages are the socket's, so that two iterators share them.
    public func makeAsyncIterator() -> Iterator { Iterator(socket: socket) }

    /// Receives message by message.
    public struct Iterator: AsyncIteratorProtocol {
        let socket: WebSocket

        /// The next message, or `nil` once the peer has closed.
        public mutating func next() async throws -> WebSocketMessage? { try await socket.receive() }

        /// The next message, received where the caller runs: without a change of threads.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(any Error) -> WebSocketMessage? {
            try await socket.receive()
        }
    }
}
