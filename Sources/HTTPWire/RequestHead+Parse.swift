// SPDX-License-Identifier: Apache-2.0

/// Why parsing stops before the end of a head.
enum HeadStop: Error {
    /// The bytes ran out.
    case incomplete
    /// The message is refused for what stands at an offset.
    case refused(Refusal, Int)
}

/// The bytes up to which one element of a head may be read, and what running out of them means.
///
/// A window ends where the received bytes end, or earlier where a limit ends it. Every decision depends only on bytes
/// read from left to right, so that a head parses alike however it was cut when it arrived.
struct HeadWindow {
    /// The offset after the last byte that may be read.
    var end: Int
    /// What the limit that ends the window refuses with; nil where the received bytes end it.
    var refusal: Refusal?

    /// A window over what was received.
    @inline(__always)
    init(end: Int) {
        self.end = end
    }

    /// What to throw when more bytes would be needed.
    var exhausted: HeadStop {
        guard let refusal else { return .incomplete }
        return .refused(refusal, end)
    }

    /// The window cut down to `limit`, beyond which the element is refused as too long.
    @inline(__always)
    func limited(to limit: Int, _ refusal: Refusal) -> HeadWindow {
        var window = self
        if limit <= end {
            window.end = limit
            window.refusal = refusal
        }
        return window
    }
}

extension RequestHead {
    /// Parses everything received so far, from the first byte of the request on.
    ///
    /// Call again, from the start, when more bytes have arrived after `.incomplete`. A wrong line is refused as
    /// soon as it can be told, without waiting for the rest of the head. Up to two empty lines before the request line
    /// are skipped (RFC 9112 §2.2). Bytes after the head are not looked at.
    ///
    /// - Parameters:
    ///   - bytes: the bytes received.
    ///   - limits: the limits to hold the head to.
    /// - Returns: the number of bytes taken, or that more are needed, or why the request is refused. A TLS
    ///   handshake is refused as `tlsOnPlainPort`, the HTTP/2 preface as `http2PrefaceNotSupported`.
    public mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits) -> HeadOutcome {
        reset()
        return resume(bytes, limits: limits)
    }

    /// Goes on after `.incomplete` with the same bytes and more behind them, at the first line not yet taken.
    ///
    /// Gives what `parse` would give. Its cost is that of the new lines and of the one that was cut, so that a head
    /// that comes in small pieces costs no more than the sum of its lines.
    ///
    /// - Parameters:
    ///   - bytes: all bytes received, those of the last call at the same offsets.
    ///   - limits: the limits of the last call.
    /// - Returns: as `parse`.
    public mutating func resume(_ bytes: Span<UInt8>, limits: HeadLimits) -> HeadOutcome {
        let received = HeadWindow(end: bytes.count).limited(to: limits.headBytesMax, .headTooLarge)
        do {
            if resumeOffset == 0 {
                let start = try RequestHead.skipEmptyLines(bytes, received)
                resumeOffset = try parseRequestLine(bytes, from: start, received, limits)
            }
            let end = try parseFieldLines(bytes, from: resumeOffset, received, limits)
            try finish(bytes, at: end)
            return .complete(byteCount: end)
        } catch {
            switch error {
            case .incomplete: return .incomplete
            case .refused(let refusal, let offset): return .refused(refusal, at: offset)
            }
        }
    }

    /// Skips up to two empty lines, and returns the offset of the request line's first byte.
    private static func skipEmptyLines(_ bytes: Span<UInt8>, _ window: HeadWindow) throws(HeadStop) -> Int {
        var offset = 0
        var lineCount = 0
        while offset < window.end, bytes[offset] <= .carriageReturn {
            guard bytes[offset] == .carriageReturn, lineCount < 2 else { break }
            guard offset + 1 < window.end else { throw window.exhausted }
            guard bytes[offset + 1] == .lineFeed else { throw .refused(.bareCarriageReturn, offset) }
            offset += 2
            lineCount += 1
        }
        guard offset < window.end else { throw window.exhausted }
        return offset
    }

    /// Takes field lines until the empty line, and returns the offset after that.
    private mutating func parseFieldLines(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ window: HeadWindow,
        _ limits: HeadLimits
    ) throws(HeadStop) -> Int {
        var line = start
        while true {
            guard line < window.end else { throw window.exhausted }
            let first = bytes[line]
            if first == .carriageReturn {
                guard line + 1 < window.end else { throw window.exhausted }
                guard bytes[line + 1] == .lineFeed else { throw .refused(.bareCarriageReturn, line) }
                return line + 2
            }
            guard !first.isBlank else { throw .refused(.obsoleteFold, line) }
            guard fields.count < limits.fieldCountMax else { throw .refused(.tooManyFields, line) }
            line = try parseFieldLine(
                bytes,
                from: line,
                window.limited(to: line + limits.fieldBytesMax + 2, .fieldTooLarge)
            )
            resumeOffset = line
        }
    }

    /// Takes one field line with its CRLF, and returns the offset after it.
    private mutating func parseFieldLine(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ window: HeadWindow
    ) throws(HeadStop) -> Int {
        let colon = ByteScan.first(UInt8(ascii: ":"), in: bytes, from: start, to: window.end)
        var id = FieldID.unknown
        if colon < window.end {
            id = FieldID.lookup(bytes, start: start, count: colon - start)
        }
        if id == .unknown {
            try RequestHead.checkFieldName(bytes, from: start, to: colon, window)
        }
        var valueStart = colon + 1
        while valueStart < window.end, bytes[valueStart].isBlank { valueStart &+= 1 }
        guard valueStart < window.end else { throw window.exhausted }

        let stop = ByteScan.firstControl(bytes, from: valueStart, to: window.end)
        let lineEnd = try RequestHead.lineEnd(bytes, at: stop, window, otherwise: .fieldValueMalformed)
        var valueEnd = stop
        while valueEnd > valueStart, bytes[valueEnd - 1].isBlank { valueEnd &-= 1 }

        let value = ByteRange(inHeadFrom: valueStart, to: valueEnd)
        fields.append(FieldSlice(id: id, name: ByteRange(inHeadFrom: start, to: colon), value: value))
        if id != .unknown {
            present.insert(id)
            try noteFraming(bytes, id, value)
        }
        return lineEnd
    }

    /// Checks that a name is a token of at least one byte with the colon right behind it.
    ///
    /// `end` is the offset of the colon, or the window's end where no colon was found.
    private static func checkFieldName(
        _ bytes: Span<UInt8>,
        from start: Int,
        to end: Int,
        _ window: HeadWindow
    ) throws(HeadStop) {
        var offset = start
        while offset < end, bytes[offset].isIn(.token) { offset &+= 1 }
        guard offset < end else {
            guard end < window.end else { throw window.exhausted }
            guard end > start else { throw .refused(.fieldNameMalformed, start) }
            return
        }
        if bytes[offset].isBlank {
            // Told apart only by what follows the white space.
            var next = offset
            while next < window.end, bytes[next].isBlank { next += 1 }
            guard next < window.end else { throw window.exhausted }
            let isBeforeColon = bytes[next] == UInt8(ascii: ":")
            throw .refused(isBeforeColon ? .whitespaceBeforeColon : .fieldNameMalformed, offset)
        }
        _ = try lineEnd(bytes, at: offset, window, otherwise: .fieldNameMalformed)
        throw .refused(.fieldNameMalformed, offset)
    }

    /// Takes the CRLF that must stand at an offset, and returns the offset after it.
    ///
    /// Another byte is refused: a bare CR or LF as such, and anything else for the given reason.
    @inline(__always)
    static func lineEnd(
        _ bytes: Span<UInt8>,
        at offset: Int,
        _ window: HeadWindow,
        otherwise refusal: Refusal
    ) throws(HeadStop) -> Int {
        guard offset < window.end else { throw window.exhausted }
        guard bytes[offset] == .carriageReturn else {
            throw .refused(bytes[offset] == .lineFeed ? .bareLineFeed : refusal, offset)
        }
        guard offset + 1 < window.end else { throw window.exhausted }
        guard bytes[offset + 1] == .lineFeed else { throw .refused(.bareCarriageReturn, offset) }
        return offset + 2
    }
}
