// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Takes `method SP request-target SP HTTP-version CRLF`, and returns the offset after it.
    mutating func parseRequestLine(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ received: HeadWindow,
        _ limits: HeadLimits
    ) throws(HeadStop) -> Int {
        let methodEnd = try parseMethod(bytes, from: start, received, limits)
        var target = received.limited(to: methodEnd + 1 + limits.targetBytesMax + 1, .targetTooLong)
        // A target that goes on at the head's own limit is one longer than any that is taken: RFC 9112 §3 has 414.
        if target.refusal != nil { target.refusal = .targetTooLong }
        let targetEnd = try parseTarget(bytes, from: methodEnd + 1, target)
        return try parseVersion(bytes, from: targetEnd + 1, received)
    }

    // MARK: Method

    /// Takes the method, and returns the offset of the space after it.
    private mutating func parseMethod(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ received: HeadWindow,
        _ limits: HeadLimits
    ) throws(HeadStop) -> Int {
        if received.end - start >= 8, limits.methodBytesMax >= 4 {
            // Most requests are told by their first bytes: "GET " and "POST ".
            let word = ByteScan.word(bytes, at: start)
            if word & 0xffff_ffff == 0x2054_4547 {
                method = .get
                methodRange = ByteRange(inHeadFrom: start, to: start + 3)
                return start + 3
            }
            if word & 0xff_ffff_ffff == 0x20_5453_4f50 {
                method = .post
                methodRange = ByteRange(inHeadFrom: start, to: start + 4)
                return start + 4
            }
        }
        if start == 0, bytes[0] == 0x16 { throw .refused(.tlsOnPlainPort, 0) }
        let window = received.limited(to: start + limits.methodBytesMax + 1, .methodTooLong)
        var end = start
        while end < window.end, bytes[end].isIn(.token) { end &+= 1 }
        guard end < window.end else { throw window.exhausted }
        guard bytes[end] == .space, end > start else {
            let isShape = bytes[end] == .space || bytes[end] == .carriageReturn
            _ = try RequestHead.lineEnd(
                bytes,
                at: end,
                received,
                otherwise: isShape ? .requestLineMalformed : .methodMalformed
            )
            throw .refused(.requestLineMalformed, end)
        }
        methodRange = ByteRange(inHeadFrom: start, to: end)
        method = Method(bytes.extracting(start..<end))
        if method == .other { try checkForHTTP2Preface(bytes, from: start, received) }
        return end
    }

    /// Refuses the first line of an HTTP/2 connection by its own name.
    private func checkForHTTP2Preface(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ received: HeadWindow
    ) throws(HeadStop) {
        let line = RequestHead.http2PrefaceLine
        let available = min(line.count, received.end - start)
        for index in 0..<available where bytes[start + index] != line[index] { return }
        guard available == line.count else { throw received.exhausted }
        throw .refused(.http2PrefaceNotSupported, start)
    }

    /// `PRI * HTTP/2.0` and CRLF, with which an HTTP/2 client opens a connection.
    ///
    /// RFC 9113 §3.4.
    private static let http2PrefaceLine: InlineArray<16, UInt8> = [
        0x50, 0x52, 0x49, 0x20, 0x2a, 0x20, 0x48, 0x54, 0x54, 0x50, 0x2f, 0x32, 0x2e, 0x30, 0x0d, 0x0a,
    ]

    // MARK: Version

    /// Takes `HTTP/1.1` or `HTTP/1.0` with the line's CRLF, and returns the offset after it.
    private mutating func parseVersion(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ received: HeadWindow
    ) throws(HeadStop) -> Int {
        if received.end - start >= 10 {
            let word = ByteScan.word(bytes, at: start)
            if bytes[start + 8] == .carriageReturn, bytes[start + 9] == .lineFeed {
                if word == 0x312e_312f_5054_5448 { return start + 10 }
                if word == 0x302e_312f_5054_5448 {
                    version = .http10
                    return start + 10
                }
            }
        }
        var end = start
        while end < received.end, end - start <= 8, bytes[end].isIn(.target) { end += 1 }
        guard end - start <= 8 else { throw .refused(.versionMalformed, start) }
        guard end < received.end else { throw received.exhausted }
        let lineEnd = try RequestHead.lineEnd(bytes, at: end, received, otherwise: .requestLineMalformed)
        guard end > start else { throw .refused(.requestLineMalformed, end) }
        guard end - start == 8 else { throw .refused(.versionMalformed, start) }
        switch ByteScan.word(bytes, at: start) {
        case 0x312e_312f_5054_5448: version = .http11
        case 0x302e_312f_5054_5448: version = .http10
        default: throw .refused(.versionNotSupported, start)
        }
        return lineEnd
    }
}
