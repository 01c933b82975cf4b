// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import TestKit

/// An HTTP/2 client over a socket, on nghttp2's own client side.
final class HTTP2Client {
    /// What came back on one stream.
    struct Response {
        var status = 0
        var interim: [Int] = []
        var fields: [(name: String, value: String)] = []
        var trailers: [(name: String, value: String)] = []
        var content: [UInt8] = []
        /// The code the stream was closed with, nil while it is open.
        var closed: UInt32?

        subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        var text: String { String(decoding: content, as: UTF8.self) }
    }

    let client: Client
    /// What requests say in place of the server's own host and the connection's scheme.
    var authority: String?
    var scheme: String?
    private let port: UInt16
    private(set) var responses: [Int32: Response] = [:]
    /// The codes of the GOAWAY frames received.
    private(set) var goAways: [UInt32] = []
    private(set) var settings: [Int32: UInt32] = [:]
    private var session: OpaquePointer?
    private var uploads: [Int32: Upload] = [:]

    /// The content of a request on its way.
    private final class Upload {
        var content: [UInt8]
        var offset = 0
        var isEnded: Bool
        let trailers: [(String, String)]

        init(_ content: [UInt8], _ trailers: [(String, String)], isEnded: Bool) {
            self.content = content
            self.trailers = trailers
            self.isEnded = isEnded
        }
    }

    /// Begins a session on a connection.
    ///
    /// The window is of each stream, where it is not the protocol's 65535; windows are opened again as content
    /// arrives, or by `openWindows` alone.
    init(_ client: Client, port: UInt16, windowByteCount: Int? = nil, opensWindows: Bool = true) {
        self.client = client
        self.port = port
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        HTTP2Client.set(callbacks)
        var options: OpaquePointer?
        nghttp2_option_new(&options)
        if !opensWindows { nghttp2_option_set_no_auto_window_update(options, 1) }
        nghttp2_session_client_new2(&session, callbacks, Unmanaged.passUnretained(self).toOpaque(), options)
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_option_del(options)
        let entries = windowByteCount.map {
            [
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                    value: UInt32($0)
                )
            ]
        }
        nghttp2_submit_settings(session, 0, entries ?? [], entries?.count ?? 0)
    }

    deinit { nghttp2_session_del(session) }

    private static func set(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _,
            frame,
            name,
            nameCount,
            value,
            count,
            _,
            me in
            guard let frame else { return 0 }
            let name = String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
            let value = String(decoding: UnsafeBufferPointer(start: value, count: count), as: UTF8.self)
            HTTP2Client.from(me).field(frame.pointee.hd.stream_id, name, value)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, count, me in
            let bytes = UnsafeBufferPointer(start: data, count: count)
            HTTP2Client.from(me).responses[id, default: Response()].content += bytes
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, me in
            guard let frame = frame?.pointee else { return 0 }
            let client = HTTP2Client.from(me)
            if frame.hd.type == 7 { client.goAways.append(frame.goaway.error_code) }
            if frame.hd.type == 4, frame.hd.flags & 1 == 0 {
                for index in 0..<frame.settings.niv {
                    client.settings[frame.settings.iv[index].settings_id] = frame.settings.iv[index].value
                }
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, me in
            HTTP2Client.from(me).responses[id, default: Response()].closed = code
            return 0
        }
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> HTTP2Client {
        guard let pointer else { preconditionFailure("nghttp2 passes on what it was given") }
        return Unmanaged<HTTP2Client>.fromOpaque(pointer).takeUnretainedValue()
    }

    private func field(_ id: Int32, _ name: String, _ value: String) {
        var response = responses[id, default: Response()]
        if name == ":status" {
            let status = Int(value) ?? 0
            if status < 200 { response.interim.append(status) } else { response.status = status }
        } else if response.status == 0 {
            // Of an interim response.
        } else if response.content.isEmpty, !name.hasPrefix("x-trailer") {
            response.fields.append((name, value))
        } else {
            response.trailers.append((name, value))
        }
        responses[id] = response
    }

    // MARK: Requests

    /// Submits a request, and returns its stream.
    @discardableResult
    func request(
        _ path: String,
        method: String = "GET",
        fields: [(String, String)] = [],
        content: [UInt8]? = nil,
        trailers: [(String, String)] = [],
        isWhole: Bool = true
    ) -> Int32 {
        let lines = client.lines(method, path, port: port, authority: authority, scheme: scheme) + fields
        guard let content else {
            return HTTP2Client.withLines(lines) { nghttp2_submit_request(session, nil, $0, $1, nil, nil) }
        }
        let upload = Upload(content, trailers, isEnded: isWhole)
        var source = nghttp2_data_provider(
            source: nghttp2_data_source(ptr: Unmanaged.passUnretained(upload).toOpaque()),
            read_callback: HTTP2Client.readUpload
        )
        let id = HTTP2Client.withLines(lines) {
            nghttp2_submit_request(session, nil, $0, $1, &source, nil)
        }
        uploads[id] = upload
        return id
    }

    /// Adds content to a request that was not whole.
    func send(_ content: [UInt8], on id: Int32, ends: Bool) {
        guard let upload = uploads[id] else { return }
        upload.content += content
        upload.isEnded = ends
        nghttp2_session_resume_data(session, id)
    }

    private static let readUpload: nghttp2_data_source_read_callback = {
        session,
        id,
        buffer,
        length,
        flags,
        source,
        _ in
        guard let raw = source?.pointee.ptr, let buffer, let flags else { return 0 }
        let upload = Unmanaged<Upload>.fromOpaque(raw).takeUnretainedValue()
        let count = min(length, upload.content.count - upload.offset)
        if count == 0, !upload.isEnded { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
        upload.content.withUnsafeBufferPointer {
            if let base = $0.baseAddress { buffer.update(from: base + upload.offset, count: count) }
        }
        upload.offset += count
        guard upload.offset == upload.content.count, upload.isEnded else { return count }
        flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        if !upload.trailers.isEmpty {
            flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            _ = HTTP2Client.withLines(upload.trailers) { nghttp2_submit_trailer(session, id, $0, $1) }
        }
        return count
    }

    private static func withLines<Result>(
        _ lines: [(String, String)],
        _ body: (UnsafePointer<nghttp2_nv>, Int) -> Result
    ) -> Result {
        var blocks: [UnsafeMutablePointer<UInt8>] = []
        defer { for block in blocks { block.deallocate() } }
        func copy(_ text: String) -> UnsafeMutablePointer<UInt8> {
            let block = UnsafeMutablePointer<UInt8>.allocate(capacity: text.utf8.count + 1)
            _ = UnsafeMutableBufferPointer(start: block, count: text.utf8.count).initialize(from: text.utf8)
            blocks.append(block)
            return block
        }
        let pairs = lines.map { name, value in
            nghttp2_nv(
                name: copy(name),
                value: copy(value),
                namelen: name.utf8.count,
                valuelen: value.utf8.count,
                flags: 0
            )
        }
        return body(pairs, pairs.count)
    }

    func reset(_ id: Int32, _ code: UInt32 = 8) { nghttp2_submit_rst_stream(session, 0, id, code) }

    /// Opens the windows of a stream and of the connection.
    func openWindows(_ id: Int32, by byteCount: Int) {
        nghttp2_submit_window_update(session, 0, id, Int32(byteCount))
        nghttp2_submit_window_update(session, 0, 0, Int32(byteCount))
    }

    // MARK: Bytes

    /// Sends what there is to send.
    func flush() throws {
        var bytes: UnsafePointer<UInt8>?
        var all: [UInt8] = []
        while case let count = nghttp2_session_mem_send(session, &bytes), count > 0 {
            all += UnsafeBufferPointer(start: bytes, count: count)
            if all.count > 1 << 16 {
                try client.send(all)
                all = []
                try takeAvailable()
            }
        }
        try client.send(all)
    }

    private func takeAvailable() throws {
        guard client.pendingCount > 0 else { return }
        let bytes = client.take(client.pendingCount)
        let taken = bytes.withUnsafeBufferPointer {
            nghttp2_session_mem_recv(session, $0.baseAddress, $0.count)
        }
        guard taken == bytes.count else { throw ClientError.malformed("HTTP/2: \(taken)") }
    }

    /// Sends and receives until a condition holds; throws at the deadline or the connection's end.
    func run(until isDone: () -> Bool) throws {
        while true {
            try flush()
            if isDone() { return }
            guard try client.fill(1) else { throw ClientError.ended(client.connectionEnd ?? .orderly) }
            try takeAvailable()
        }
    }

    /// The response on a stream, once that has closed.
    func response(_ id: Int32) throws -> Response {
        try run { responses[id]?.closed != nil }
        return responses[id, default: Response()]
    }

    /// Submits a request and waits for its response.
    func get(_ path: String, method: String = "GET", _ fields: (String, String)...) throws -> Response {
        try response(request(path, method: method, fields: fields))
    }
}

extension TestEngine {
    /// A client of HTTP/2 in cleartext, by prior knowledge.
    func http2Client(windowByteCount: Int? = nil, opensWindows: Bool = true) throws -> HTTP2Client {
        HTTP2Client(try client(), port: port, windowByteCount: windowByteCount, opensWindows: opensWindows)
    }

    /// A client of HTTP/2 over TLS.
    func secureHTTP2Client() throws -> HTTP2Client {
        HTTP2Client(try secureClient("h2"), port: port)
    }
}
