// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: NeverForceUnwrap
import CNGHTTP2
import HTTPWire

/// An HTTP/2 client in memory, on nghttp2's own client side.
final class TestClient {
    /// What came back on one stream.
    struct Response {
        var status = ""
        var interim: [String] = []
        var fields: [(name: String, value: String)] = []
        var trailers: [(name: String, value: String)] = []
        var content: [UInt8] = []
        var isComplete = false
        /// The code the stream was closed with, nil while it is open.
        var closed: UInt32?

        func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    }

    var responses: [Int32: Response] = [:]
    /// The GOAWAY frames received, as last stream and code.
    var goAways: [(last: Int32, code: UInt32)] = []
    var settings: [Int32: UInt32] = [:]
    /// DATA frames in the order in which they came.
    var dataOrder: [Int32] = []
    var pings = 0
    var session: OpaquePointer?
    private var uploads: [Int32: Upload] = [:]

    final class Upload {
        var content: [UInt8]
        var offset = 0
        var trailers: [(String, String)]

        init(_ content: [UInt8], _ trailers: [(String, String)]) {
            self.content = content
            self.trailers = trailers
        }
    }

    init(windowBytes: Int? = nil, automaticWindows: Bool = true) {
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _,
            frame,
            name,
            nameCount,
            value,
            count,
            _,
            me in
            let client = TestClient.from(me)
            let name = String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self)
            let value = String(decoding: UnsafeBufferPointer(start: value, count: count), as: UTF8.self)
            client.field(frame!.pointee, name, value)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, count, me in
            TestClient.from(me).responses[id, default: Response()].content += UnsafeBufferPointer(
                start: data,
                count: count
            )
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, me in
            TestClient.from(me).frame(frame!.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, me in
            TestClient.from(me).responses[id, default: Response()].closed = code
            return 0
        }
        var options: OpaquePointer?
        nghttp2_option_new(&options)
        if !automaticWindows { nghttp2_option_set_no_auto_window_update(options, 1) }
        // What a client of ours is made to do wrong is not to be put right by it.
        nghttp2_option_set_no_http_messaging(options, 1)
        nghttp2_session_client_new2(&session, callbacks, Unmanaged.passUnretained(self).toOpaque(), options)
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_option_del(options)
        var entries: [nghttp2_settings_entry] = []
        if let windowBytes {
            entries.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                    value: UInt32(windowBytes)
                )
            )
        }
        nghttp2_submit_settings(session, 0, entries, entries.count)
    }

    deinit {
        nghttp2_session_del(session)
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> TestClient {
        Unmanaged<TestClient>.fromOpaque(pointer!).takeUnretainedValue()
    }

    private func field(_ frame: nghttp2_frame, _ name: String, _ value: String) {
        let id = frame.hd.stream_id
        var response = responses[id, default: Response()]
        if name == ":status" {
            if !response.status.isEmpty { response.interim.append(response.status) }
            response.status = value
        } else if frame.headers.cat == NGHTTP2_HCAT_HEADERS, !response.status.hasPrefix("1"),
            response.interim.isEmpty || !response.fields.isEmpty || !response.content.isEmpty
        {
            response.trailers.append((name, value))
        } else {
            response.fields.append((name, value))
        }
        responses[id] = response
    }

    private func frame(_ frame: nghttp2_frame) {
        let id = frame.hd.stream_id
        switch frame.hd.type {
        case 0: dataOrder.append(id)
        case 4:
            for index in 0..<frame.settings.niv where frame.hd.flags & 1 == 0 {
                settings[frame.settings.iv[index].settings_id] = frame.settings.iv[index].value
            }
        case 6: pings += frame.hd.flags & 1 == 0 ? 1 : 0
        case 7: goAways.append((frame.goaway.last_stream_id, frame.goaway.error_code))
        default: break
        }
        if frame.hd.type <= 1, frame.hd.flags & 1 != 0 {
            responses[id, default: Response()].isComplete = true
        }
    }

    // MARK: Requests

    /// Submits a request, and returns its stream.
    @discardableResult
    func request(
        _ path: String,
        method: String = "GET",
        fields: [(String, String)] = [],
        content: [UInt8]? = nil,
        trailers: [(String, String)] = []
    ) -> Int32 {
        let lines =
            [(":method", method), (":scheme", "https"), (":authority", "example.com"), (":path", path)]
            + fields
        return requestRaw(lines, content: content, trailers: trailers)
    }

    /// Submits a request of these lines, whatever they are.
    @discardableResult
    func requestRaw(
        _ lines: [(String, String)],
        content: [UInt8]? = nil,
        trailers: [(String, String)] = []
    ) -> Int32 {
        let upload = content.map { Upload($0, trailers) }
        return TestClient.withLines(lines) { lines, count in
            guard let upload else {
                return nghttp2_submit_request(session, nil, lines, count, nil, nil)
            }
            var source = nghttp2_data_provider(
                source: nghttp2_data_source(ptr: Unmanaged.passUnretained(upload).toOpaque())
            ) { session, id, buffer, length, flags, source, _ in
                let upload = Unmanaged<Upload>.fromOpaque(source!.pointee.ptr).takeUnretainedValue()
                let count = min(length, upload.content.count - upload.offset)
                for index in 0..<count { buffer![index] = upload.content[upload.offset + index] }
                upload.offset += count
                guard upload.offset == upload.content.count else { return count }
                flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
                if !upload.trailers.isEmpty {
                    flags!.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                    _ = TestClient.withLines(upload.trailers) { nghttp2_submit_trailer(session, id, $0, $1) }
                }
                return count
            }
            let id = nghttp2_submit_request(session, nil, lines, count, &source, nil)
            uploads[id] = upload
            return id
        }
    }

    static func withLines<Result>(
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

    // MARK: Bytes

    /// All that the client has to send now.
    func bytesToSend() -> [UInt8] {
        var all: [UInt8] = []
        var bytes: UnsafePointer<UInt8>?
        while case let count = nghttp2_session_mem_send(session, &bytes), count > 0 {
            all += UnsafeBufferPointer(start: bytes, count: count)
        }
        return all
    }

    /// Takes what the server sent; false where that is no HTTP/2.
    @discardableResult
    func receive(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer {
            nghttp2_session_mem_recv(session, $0.baseAddress, $0.count) == $0.count
        }
    }
}
