// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Takes the request-target in any form, and returns the offset of the space after it.
    mutating func parseTarget(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ window: HeadWindow
    ) throws(HeadStop) -> Int {
        guard start < window.end else { throw window.exhausted }
        let end: Int
        if bytes[start] == UInt8(ascii: "/"), method != .connect {
            end = try parsePathAndQuery(bytes, from: start, window)
        } else {
            end = try parseOtherForms(bytes, from: start, window)
        }
        target = ByteRange(inHeadFrom: start, to: end)
        return end
    }

    /// Takes absolute, authority or asterisk form.
    private mutating func parseOtherForms(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ window: HeadWindow
    ) throws(HeadStop) -> Int {
        let end = ByteScan.firstOutsideTarget(bytes, from: start, to: window.end)
        try RequestHead.checkTargetEnd(bytes, at: end, window)
        guard end > start else { throw .refused(.requestLineMalformed, start) }
        if method == .connect {
            try parseAuthorityForm(bytes, from: start, to: end)
        } else if end == start + 1, bytes[start] == UInt8(ascii: "*") {
            guard method == .options else { throw .refused(.targetFormNotAllowed, start) }
            targetForm = .asterisk
        } else if ByteScan.hasPrefix(bytes, from: start, ignoringCase: "http:") {
            try parseAbsoluteForm(bytes, from: start, schemeCount: 5, to: end, window)
        } else if ByteScan.hasPrefix(bytes, from: start, ignoringCase: "https:") {
            targetIsHTTPS = true
            try parseAbsoluteForm(bytes, from: start, schemeCount: 6, to: end, window)
        } else {
            throw .refused(.targetMalformed, start)
        }
        return end
    }

    /// `host:port`, both needed; RFC 9112 §3.2.3.
    private mutating func parseAuthorityForm(
        _ bytes: Span<UInt8>,
        from start: Int,
        to end: Int
    ) throws(HeadStop) {
        guard bytes[start] != UInt8(ascii: "/") else { throw .refused(.targetFormNotAllowed, start) }
        guard let syntax = HostSyntax(bytes, from: start, to: end), syntax.port != nil else {
            throw .refused(.targetMalformed, start)
        }
        targetForm = .authority
        setAuthority(ByteRange(inHeadFrom: start, to: end), syntax)
    }

    /// `http://authority[/path][?query]`; user information is refused, and a query without a path.
    private mutating func parseAbsoluteForm(
        _ bytes: Span<UInt8>,
        from start: Int,
        schemeCount: Int,
        to end: Int,
        _ window: HeadWindow
    ) throws(HeadStop) {
        let authorityStart = start + schemeCount + 2
        guard authorityStart < end, bytes[authorityStart - 2] == UInt8(ascii: "/"),
            bytes[authorityStart - 1] == UInt8(ascii: "/")
        else {
            throw .refused(.targetMalformed, start)
        }
        var authorityEnd = authorityStart
        while authorityEnd < end, bytes[authorityEnd] != UInt8(ascii: "/"),
            bytes[authorityEnd] != UInt8(ascii: "?")
        {
            authorityEnd += 1
        }
        guard let syntax = HostSyntax(bytes, from: authorityStart, to: authorityEnd) else {
            throw .refused(.targetMalformed, authorityStart)
        }
        targetForm = .absolute
        setAuthority(ByteRange(inHeadFrom: authorityStart, to: authorityEnd), syntax)
        guard authorityEnd < end else { return }
        guard bytes[authorityEnd] == UInt8(ascii: "/") else { throw .refused(.targetMalformed, authorityEnd) }
        _ = try parsePathAndQuery(bytes, from: authorityEnd, window)
    }

    /// Sets what the request is routed by.
    mutating func setAuthority(_ range: ByteRange, _ syntax: HostSyntax) {
        authority = range
        host = syntax.host
        port = syntax.port
    }

    /// Takes a path that begins at `start` and the query behind it, and returns the offset of the space after them.
    private mutating func parsePathAndQuery(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ window: HeadWindow
    ) throws(HeadStop) -> Int {
        let pathEnd = try parsePath(bytes, from: start, window)
        path = ByteRange(inHeadFrom: start, to: pathEnd)
        guard bytes[pathEnd] == UInt8(ascii: "?") else { return pathEnd }
        hasQuery = true
        let end = ByteScan.firstOutsideTarget(bytes, from: pathEnd + 1, to: window.end)
        try RequestHead.checkTargetEnd(bytes, at: end, window)
        query = ByteRange(inHeadFrom: pathEnd + 1, to: end)
        return end
    }

    /// Takes a path, and returns the offset of the `?` or space that ends it.
    private mutating func parsePath(
        _ bytes: Span<UInt8>,
        from start: Int,
        _ window: HeadWindow
    ) throws(HeadStop) -> Int {
        var needsDecoding = false
        var offset = start
        while offset < window.end {
            let byte = bytes[offset]
            if byte.isIn(.plainPath) {
                offset &+= 1
                continue
            }
            switch byte {
            case .space, UInt8(ascii: "?"):
                pathNeedsDecoding = needsDecoding
                return offset
            case UInt8(ascii: "/"):
                if offset + 1 < window.end {
                    let next = bytes[offset + 1]
                    if next == UInt8(ascii: ".") || next == UInt8(ascii: "/") { needsDecoding = true }
                }
                offset &+= 1
            case UInt8(ascii: "\\"):
                needsDecoding = true
                offset &+= 1
            case UInt8(ascii: "%"):
                guard offset + 2 < window.end else { throw window.exhausted }
                guard let high = bytes[offset + 1].hexDigitValue, let low = bytes[offset + 2].hexDigitValue,
                    high >= 2, !(high == 7 && low == 15)
                else {
                    throw .refused(.pathMalformed, offset)
                }
                needsDecoding = true
                offset &+= 3
            default:
                try RequestHead.checkTargetEnd(bytes, at: offset, window)
            }
        }
        throw window.exhausted
    }

    /// Checks that a space stands where a target ends.
    @inline(__always)
    private static func checkTargetEnd(
        _ bytes: Span<UInt8>,
        at offset: Int,
        _ window: HeadWindow
    ) throws(HeadStop) {
        guard offset < window.end else { throw window.exhausted }
        guard bytes[offset] != .space else { return }
        _ = try lineEnd(bytes, at: offset, window, otherwise: .targetMalformed)
        throw .refused(.requestLineMalformed, offset)
    }
}
