// SPDX-License-Identifier: Apache-2.0
import CNGHTTP2
import HTTPWire

/// What all sessions of one loop share: limits, nghttp2's callbacks and options, and memory that is used again.
///
/// Loop-affine. Make one for each loop, and each set of limits.
public final class HTTP2Workspace {
    /// The limits of every session.
    public let limits: HTTP2Limits
    let callbacks: OpaquePointer
    let options: OpaquePointer
    /// What nghttp2 allocates from.
    let blocks = BlockPool()
    /// The lines that response heads are made in.
    @exclusivity(unchecked) var lines: FieldLines
    /// Heads that no session is assembling into.
    @exclusivity(unchecked) private var heads: [UnsafeMutablePointer<AssembledHead>] = []
    @exclusivity(unchecked) private var freeStates: UnsafeMutablePointer<StreamState>?
    @exclusivity(unchecked) private var freeStateCount = 0
    @exclusivity(unchecked) private var serial: UInt32 = 0

    /// Stream states that are kept for use again.
    private static let freeStateCountMax = 1024
    /// The largest block that a stream state keeps.
    private static let keptBlockBytesMax = 2048
    /// The largest head that is kept for use again, in bytes.
    private static let keptHeadBytesMax = 16384

    /// Makes a workspace; the limits must be ones that the protocol allows.
    public init(limits: HTTP2Limits = HTTP2Limits()) {
        limits.check()
        self.limits = limits
        callbacks = SessionCallbacks.make()
        options = HTTP2Workspace.makeOptions(limits)
        lines = FieldLines()
    }

    deinit {
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_option_del(options)
        lines.free()
        blocks.free()
        for head in heads { HTTP2Workspace.free(head) }
        while let state = freeStates {
            freeStates = state.pointee.next
            HTTP2Workspace.free(state)
        }
    }

    private static func makeOptions(_ limits: HTTP2Limits) -> OpaquePointer {
        var options: OpaquePointer?
        let result = nghttp2_option_new(&options)
        guard result == 0, let options else { preconditionFailure("There is memory for nghttp2's options.") }
        nghttp2_option_set_no_auto_window_update(options, 1)
        // AssembledHead judges requests, by the rules that HTTP/1.1 goes by.
        nghttp2_option_set_no_http_messaging(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_builtin_recv_extension_type(options, UInt8(NGHTTP2_PRIORITY_UPDATE.rawValue))
        // Frames of unknown types are counted, and then dropped.
        for type in UInt8(10)...255 where type != UInt8(NGHTTP2_PRIORITY_UPDATE.rawValue) {
            nghttp2_option_set_user_recv_extension_type(options, type)
        }
        nghttp2_option_set_max_deflate_dynamic_table_size(options, limits.responseHeaderTableBytesMax)
        nghttp2_option_set_max_outbound_ack(options, HTTP2Session.acknowledgementCountMax)
        // The session's own count comes first but for streams that nghttp2 ignores. nghttp2 1.52 counts each piece in
        // which the head of a CONTINUATION frame arrives, ten at most.
        nghttp2_option_set_max_continuations(options, (limits.continuationCountMax + 1) * 10)
        nghttp2_option_set_max_send_header_block_length(options, HTTP2Session.responseHeadBytesMax)
        nghttp2_option_set_stream_reset_rate_limit(options, 1_000_000_000, 1_000_000)
        return options
    }

    // MARK: Streams

    /// Takes a stream state for a new stream.
    func takeState(id: Int32) -> UnsafeMutablePointer<StreamState> {
        let state: UnsafeMutablePointer<StreamState>
        if let free = freeStates {
            state = free
            freeStates = free.pointee.next
            freeStateCount -= 1
            state.pointee.next = nil
        } else {
            state = .allocate(capacity: 1)
            state.initialize(to: StreamState())
        }
        serial &+= 1
        state.pointee.serial = serial
        state.pointee.id = id
        return state
    }

    /// Takes back the state of a stream that has closed.
    ///
    /// The memory is kept while there is a workspace, so that an old `HTTP2Stream` still finds that it is closed.
    func giveBack(_ state: UnsafeMutablePointer<StreamState>) {
        var block = state.pointee.block
        var capacity = state.pointee.blockCapacity
        if capacity > HTTP2Workspace.keptBlockBytesMax || freeStateCount >= HTTP2Workspace.freeStateCountMax {
            block?.deallocate()
            block = nil
            capacity = 0
        }
        let serial = state.pointee.serial
        state.pointee = StreamState()
        state.pointee.serial = serial
        state.pointee.block = block
        state.pointee.blockCapacity = capacity
        state.pointee.next = freeStates
        freeStates = state
        freeStateCount += 1
    }

    private static func free(_ state: UnsafeMutablePointer<StreamState>) {
        state.pointee.block?.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    // MARK: Heads

    /// Takes a head to assemble into.
    func takeHead() -> UnsafeMutablePointer<AssembledHead> {
        if let head = heads.popLast() { return head }
        let head = UnsafeMutablePointer<AssembledHead>.allocate(capacity: 1)
        head.initialize(to: AssembledHead())
        return head
    }

    /// Takes back a head; few are kept, since few are ever being assembled at once.
    func giveBack(_ head: UnsafeMutablePointer<AssembledHead>) {
        guard heads.count < 8, head.pointee.bytes.capacity <= HTTP2Workspace.keptHeadBytesMax else {
            HTTP2Workspace.free(head)
            return
        }
        heads.append(head)
    }

    private static func free(_ head: UnsafeMutablePointer<AssembledHead>) {
        head.deinitialize(count: 1)
        head.deallocate()
    }
}

extension HTTP2Limits {
    /// Stops the program where a limit is none that the protocol allows.
    func check() {
        let windows = 65535...Int(Int32.max)
        precondition((1...Int(Int32.max)).contains(concurrentStreamCountMax), "Streams are from 1 to 2³¹−1.")
        precondition((0...65536).contains(headerTableBytesMax), "A header table has 0 to 65536 bytes.")
        precondition(
            (0...65536).contains(responseHeaderTableBytesMax),
            "A header table has 0 to 65536 bytes."
        )
        precondition(
            (16384...16_777_215).contains(frameBytesMax),
            "A frame limit is from 16 KiB to 16 MiB - 1."
        )
        precondition(windows.contains(connectionWindowBytes), "A window is from 65535 to 2³¹−1.")
        precondition(windows.contains(streamWindowBytes), "A window is from 65535 to 2³¹−1.")
        precondition((0...1000).contains(continuationCountMax), "Continuations are from 0 to 1000.")
        precondition(trailerBytesMax >= 0 && trailerCountMax >= 0, "A trailer limit is not negative.")
    }
}
