// SPDX-License-Identifier: Apache-2.0

/// What a socket knows of its peer's side, behind the socket's lock.
struct WebSocketIncoming {
    /// What a receiver does next.
    enum Step: Sendable {
        case message(WebSocketMessage)
        case pong(to: [UInt8])
        case answerClose(WebSocketCloseCode)
        case fail(WebSocketError)
        case read
        case ended
    }

    private var reader: MessageReader
    private var input: [UInt8] = []
    private var offset = 0
    private var isReceiving = false

    /// Whether a receiver waits for the stream.
    private(set) var isReading = false
    /// How many reads have ended; a clock of the peer's signs of life.
    private(set) var readCount = 0
    /// The peer's code, or what stands for one that is missing; `nil` while its side is open.
    private(set) var closeCode: WebSocketCloseCode?
    /// The peer's reason.
    private(set) var closeReason = ""
    /// What the next receiver is told instead of an end.
    private var failure: WebSocketError?

    init(reader: MessageReader) { self.reader = reader }

    /// A receiver begins.
    mutating func begin() throws(WebSocketError) -> Step {
        guard !isReceiving else { throw WebSocketError(.alreadyReceiving) }
        isReceiving = true
        return step()
    }

    /// The step after the last one was done.
    mutating func step() -> Step {
        let step = nextStep()
        switch step {
        case .message, .ended: isReceiving = false
        default: break
        }
        return step
    }

    private mutating func nextStep() -> Step {
        if let failure {
            self.failure = nil
            end(.abnormal)
            return .fail(failure)
        }
        guard closeCode == nil else { return .ended }
        do {
            let bytes = input
            while let event = try reader.next(bytes.span, from: &offset) {
                switch event {
                case .message(let message): return .message(message)
                case .ping(let payload): return .pong(to: payload)
                case .pong: continue
                case .close(let code, let reason):
                    end(code)
                    closeReason = reason
                    return .answerClose(code)
                }
            }
        } catch {
            end(.abnormal)
            return .fail(error)
        }
        isReading = true
        return .read
    }

    /// A read has brought bytes, or the end of the stream.
    mutating func took(_ bytes: consuming [UInt8]) -> Step {
        isReading = false
        readCount &+= 1
        if bytes.isEmpty { end(.abnormal) }
        input = bytes
        offset = 0
        return step()
    }

    /// A receiver gives up.
    mutating func abandon() {
        isReading = false
        isReceiving = false
    }

    /// The peer's side is over, and so is what it sent.
    mutating func end(_ code: WebSocketCloseCode) {
        if closeCode == nil { closeCode = code }
        input = []
        offset = 0
    }

    /// Has the receiver fail.
    mutating func fail(_ error: WebSocketError) {
        if closeCode == nil { failure = error }
    }
}
