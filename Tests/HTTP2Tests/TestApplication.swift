// SPDX-License-Identifier: Apache-2.0
import HTTPWire

@testable import HTTP2

/// An application that notes what a session tells it and answers as it is told to.
final class TestApplication: HTTP2SessionDelegate {
    /// What is known of one request.
    final class Exchange {
        let stream: HTTP2Stream
        var target = ""
        var method = ""
        var host = ""
        var fields: [String] = []
        var connectProtocol = ""
        var head = RequestHead()
        var priority = RequestPriority()
        var content: [UInt8] = []
        var trailers: FieldSection?
        var hasEnded = false
        var refusal: Refusal?
        var closed: HTTP2ErrorCode?
        /// Content to send, and whether it is all.
        var response: [UInt8] = []
        var responseOffset = 0
        var responseIsWhole = true
        var fails = false

        init(_ stream: HTTP2Stream) {
            self.stream = stream
        }
    }

    weak var session: HTTP2Session?
    var exchanges: [Exchange] = []
    /// What is done when a request is whole; nil to do nothing.
    var answer: ((Exchange, HTTP2Session) -> Void)?
    /// Whether content is given back as soon as it comes.
    var consumesAtOnce = true
    var openCount = 0
    /// Calls in their order, for comparing runs.
    var events: [String] = []

    func exchange(_ stream: HTTP2Stream) -> Exchange {
        guard let context = stream.context else { preconditionFailure("Each stream has its exchange.") }
        return Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
    }

    subscript(id: Int32) -> Exchange? { exchanges.last { $0.stream.id == id } }

    private func begin(_ stream: HTTP2Stream, _ head: inout AssembledHead) -> Exchange {
        let exchange = Exchange(stream)
        exchanges.append(exchange)
        openCount += 1
        stream.context = Unmanaged.passUnretained(exchange).toOpaque()
        let requestHead = head.head
        exchange.head = requestHead
        exchange.priority = head.priority
        head.bytes.withSpan { bytes in
            func text(_ range: ByteRange) -> String { FieldSyntax.string(bytes.extracting(range.range)) }
            exchange.method = text(requestHead.methodRange)
            exchange.target = text(requestHead.target)
            exchange.host = text(requestHead.authority)
            exchange.connectProtocol = text(head.connectProtocol)
            exchange.fields = requestHead.fields.map { "\(text($0.name)): \(text($0.value))" }
        }
        return exchange
    }

    func headReceived(_ stream: HTTP2Stream, _ head: inout AssembledHead, endsStream: Bool) {
        let exchange = begin(stream, &head)
        events.append("head \(stream.id) \(exchange.method) \(exchange.target) \(exchange.fields)")
        exchange.hasEnded = endsStream
        if endsStream, let session { answer?(exchange, session) }
    }

    func headRefused(_ stream: HTTP2Stream, _ head: inout AssembledHead, _ refusal: Refusal) {
        let exchange = begin(stream, &head)
        exchange.refusal = refusal
        events.append("refused \(stream.id) \(refusal)")
        session?.submitResponse(stream, status: refusal.row.status, fields: FieldSection(), content: .none)
    }

    func contentReceived(_ stream: HTTP2Stream, _ content: UnsafeRawBufferPointer) {
        let exchange = exchange(stream)
        exchange.content += content
        if consumesAtOnce { session?.consumed(stream, byteCount: content.count) }
    }

    func trailersReceived(_ stream: HTTP2Stream, _ trailers: FieldSection) {
        events.append("trailers \(stream.id) \(trailers)")
        exchange(stream).trailers = trailers
    }

    func streamEnded(_ stream: HTTP2Stream) {
        let exchange = exchange(stream)
        events.append("ended \(stream.id) \(exchange.content.count)")
        exchange.hasEnded = true
        if let session { answer?(exchange, session) }
    }

    func streamClosed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        events.append("closed \(stream.id) \(code.rawValue)")
        exchange(stream).closed = code
        openCount -= 1
    }

    func responseTooLarge(_ stream: HTTP2Stream) {
        events.append("too large \(stream.id)")
    }

    func readContent(
        _ stream: HTTP2Stream,
        into output: inout OutputBuffer,
        byteCountMax: Int
    ) -> HTTP2ContentRead {
        let exchange = exchange(stream)
        if exchange.fails { return .failed }
        let count = min(byteCountMax, exchange.response.count - exchange.responseOffset)
        let response = exchange.response
        response.withUnsafeBytes {
            output.append(
                UnsafeRawBufferPointer(
                    rebasing: $0[exchange.responseOffset..<exchange.responseOffset + count]
                )
            )
        }
        exchange.responseOffset += count
        guard exchange.responseOffset == exchange.response.count else { return .more }
        return exchange.responseIsWhole ? .last : count > 0 ? .more : .later
    }
}

/// A session with its application, and a clock that stands still unless moved.
final class Server {
    let application = TestApplication()
    let workspace: HTTP2Workspace
    let session: HTTP2Session
    var now: Int64 = 1_000_000_000

    init(_ limits: HTTP2Limits = HTTP2Limits()) {
        workspace = HTTP2Workspace(limits: limits)
        session = HTTP2Session(workspace: workspace, delegate: application, now: now)
        application.session = session
    }

    func receive(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { session.receive($0, now: now) }
    }

    /// All that the session has to send, up to a limit.
    func bytesToSend(byteCountMax: Int = 1 << 24) -> [UInt8] {
        var output = OutputBuffer(capacity: 0)
        if session.wantsWrite { session.write(into: &output, byteCountMax: byteCountMax, now: now) }
        return output.toArray()
    }

    func pass(_ seconds: Double) {
        now += Int64(seconds * 1e9)
    }

    /// Passes bytes both ways until neither side has more to say.
    func run(with client: TestClient) {
        for _ in 0..<10000 {
            let out = client.bytesToSend()
            if !out.isEmpty { receive(out) }
            let back = bytesToSend()
            if !back.isEmpty { client.receive(back) }
            if out.isEmpty, back.isEmpty { return }
        }
    }

    /// Has each request answered with the same small response.
    func answerAll(_ content: String = "Hello, World!", status: UInt16 = 200) {
        application.answer = { exchange, session in
            var fields = FieldSection()
            fields.append(id: .contentType, literal: "text/plain")
            Array(content.utf8).withUnsafeBytes { bytes in
                _ = session.submitResponse(
                    exchange.stream,
                    status: status,
                    fields: fields,
                    common: HTTP2CommonFields(contentLength: Int64(bytes.count)),
                    content: .whole(bytes)
                )
            }
        }
    }
}
