// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a client could not talk to the service; failures the service answers are `ControlFailure`.
public struct ControlConnectionError: Error, Sendable, CustomStringConvertible {
    /// Whether the service was never reached, in contrast to a connection that broke.
    public let isUnreachable: Bool
    /// What is wrong, and what to do.
    public let description: String
}

/// A connection to the service: one request at a time, each waits for its answer.
///
/// One thread. Blocking. Everything made over it lasts as long as it does.
public final class ControlClient {
    /// The path of the control socket, unless the environment variable `HTTPRING_SOCKET` or an option says
    /// otherwise.
    public static let standardPath = "/run/httpring/control.sock"
    /// The most bytes of one answer.
    private static let answerBytesMax = 64 << 20

    /// The socket; readable when an event has arrived.
    public let descriptor: Int32
    private var framer = ControlFramer(messageBytesMax: answerBytesMax)
    private var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    private var lastNumber: UInt32 = 0
    private var descriptors: [PassedDescriptor] = []
    /// Told of events, during `perform` and `readEvents`.
    public var onEvent: (ControlEvent, UInt64) -> Void = { _, _ in }

    /// Connects and greets.
    ///
    /// - Parameters:
    ///   - path: the control socket.
    ///   - timeoutSeconds: how long an answer may take.
    /// - Throws: `ControlConnectionError`, or `ControlFailure` where the service turns the client away.
    public init(path: String = standardPath, timeoutSeconds: Int = 60) throws {
        let result = UnixSocket.connect(path)
        guard result >= 0 else {
            let hint =
                switch -result {
                case ENOENT, ECONNREFUSED:
                    "The service does not run, or has another control socket. Start it with 'systemctl start "
                        + "httpringd', or name its socket in the environment's HTTPRING_SOCKET."
                case EACCES:
                    "You may not use the control socket: see socket-mode in [control] of the configuration."
                case EAGAIN: "The service is busy. Try again."
                default: "Is it the path of the control socket?"
                }
            throw ControlConnectionError(
                isUnreachable: true,
                description:
                    "The service cannot be reached at \(path): \(String(cString: strerror(-result))). \(hint)"
            )
        }
        descriptor = result
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        let length = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, length)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, length)
        try send(ControlGreeting.encoded(), [])
        let message = try nextMessage()
        if (try? ControlGreeting.decode(message)) == nil {
            if case .failed(let failure)? = try? ControlAnswer.decode(message).answer { throw failure }
            throw broken("what answers there is not httpringd")
        }
    }

    deinit { close(descriptor) }

    /// Asks, and waits for the answer.
    ///
    /// - Parameters:
    ///   - request: the request.
    ///   - passed: descriptors to send along.
    /// - Returns: the answer, never `failed`, and descriptors that came along.
    /// - Throws: `ControlFailure` where the service refuses; `ControlConnectionError`.
    public func perform(
        _ request: ControlRequest,
        passing passed: [PassedDescriptor] = []
    ) throws -> (answer: ControlAnswer, descriptors: [PassedDescriptor]) {
        let number = try begin(request, passed)
        let answer = try answer(to: number)
        defer { descriptors = [] }
        return (answer, descriptors)
    }

    /// Asks for a listing and hands out its records as they arrive.
    public func list(_ topic: ControlTopic, key: String? = nil, _ body: (ControlValue) throws -> Void) throws
    {
        let number = try begin(.show(topic, key: key), [])
        while true {
            guard case .records(let records, let isLast) = try answer(to: number) else {
                throw broken("the service answered something else")
            }
            for record in records { try body(record) }
            if isLast { return }
        }
    }

    /// Whether something was read that no call has taken yet, so that the descriptor may stay silent about it.
    public var hasUnreadMessage: Bool { framer.heldByteCount > 0 }

    /// Waits for an event and tells `onEvent`.
    public func readEvents() throws {
        let (number, answer) = try decode(try nextMessage())
        guard number == 0 else { throw broken("an answer came that nobody asked for") }
        take(answer)
    }

    private func begin(_ request: ControlRequest, _ passed: [PassedDescriptor]) throws -> UInt32 {
        lastNumber = lastNumber == .max ? 1 : lastNumber + 1
        try send(request.encoded(number: lastNumber), passed)
        return lastNumber
    }

    private func answer(to number: UInt32) throws -> ControlAnswer {
        while true {
            let (answered, answer) = try decode(try nextMessage())
            if case .failed(let failure) = answer { throw failure }
            if answered == number { return answer }
            guard answered == 0 else { throw broken("an answer came that nobody asked for") }
            take(answer)
        }
    }

    private func take(_ answer: ControlAnswer) {
        if case .event(let event, let object) = answer { onEvent(event, object) }
    }

    private func decode(_ message: ArraySlice<UInt8>) throws -> (UInt32, ControlAnswer) {
        do throws(ControlCodecError) {
            return try ControlAnswer.decode(message)
        } catch {
            throw broken("\(error)")
        }
    }

    private func send(_ message: [UInt8], _ passed: [PassedDescriptor]) throws {
        var rest = ControlFramer.framed(message)[...]
        var passed = passed
        while !rest.isEmpty {
            let count = UnixSocket.send(descriptor, rest, passed, waits: true)
            // A service that turned us away has said why.
            if count == -Int(EPIPE) { return }
            guard count > 0 else { throw broken(String(cString: strerror(Int32(-count)))) }
            rest = rest.dropFirst(count)
            passed = []
        }
    }

    private func nextMessage() throws -> ArraySlice<UInt8> {
        while true {
            do throws(ControlCodecError) {
                if let message = try framer.next() { return message }
            } catch {
                throw broken("\(error)")
            }
            let piece = UnixSocket.receive(descriptor, into: &buffer, waits: true)
            guard piece.byteCount > 0 else {
                let code = Int32(-piece.byteCount)
                throw broken(
                    code == 0
                        ? "it closed the connection"
                        : code == EAGAIN ? "it does not answer" : String(cString: strerror(code))
                )
            }
            descriptors += piece.descriptors
            framer.append(buffer[..<piece.byteCount])
        }
    }

    private func broken(_ why: String) -> ControlConnectionError {
        ControlConnectionError(
            isUnreachable: false,
            description:
                "The connection to the service broke: \(why). See 'journalctl -u httpringd', then try again."
        )
    }
}
