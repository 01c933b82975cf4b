// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Judges one field line that has to do with framing, routing or the connection.
    @inline(__always)
    mutating func noteFraming(_ bytes: Span<UInt8>, _ id: FieldID, _ value: ByteRange) throws(HeadStop) {
        switch id {
        case .host: try noteHost(bytes, value)
        case .contentLength: try noteContentLength(bytes, value)
        case .transferEncoding: try noteTransferEncoding(bytes, value)
        case .connection: noteConnection(bytes, value)
        case .expect: try noteExpect(bytes, value)
        case .upgrade: framing.upgradeHasValue = framing.upgradeHasValue || !value.isEmpty
        default: break
        }
    }

    /// `Host: uri-host [ ":" port ]`, once; an empty value says that the target has no authority.
    ///
    /// RFC 9112 §3.2.
    private mutating func noteHost(_ bytes: Span<UInt8>, _ value: ByteRange) throws(HeadStop) {
        guard !framing.hasHost else { throw .refused(.hostMultiple, Int(value.start)) }
        framing.hasHost = true
        framing.hostValue = value
        guard !value.isEmpty else { return }
        guard let syntax = HostSyntax(bytes, from: Int(value.start), to: value.end) else {
            throw .refused(.hostMalformed, Int(value.start))
        }
        framing.hostSyntax = syntax
    }

    /// `Content-Length: 1*DIGIT`, once, below 2⁶³; lists of equal numbers are refused too.
    ///
    /// RFC 9110 §8.6.
    private mutating func noteContentLength(_ bytes: Span<UInt8>, _ value: ByteRange) throws(HeadStop) {
        guard contentLengthOrNone < 0 else { throw .refused(.contentLengthMultiple, Int(value.start)) }
        guard let length = FieldSyntax.decimal(bytes, from: Int(value.start), to: value.end) else {
            throw .refused(.contentLengthMalformed, Int(value.start))
        }
        contentLengthOrNone = length
    }

    /// Transfer-Encoding, of which only `chunked` by itself is accepted in the end.
    ///
    /// RFC 9112 §6.1.
    private mutating func noteTransferEncoding(_ bytes: Span<UInt8>, _ value: ByteRange) throws(HeadStop) {
        let start = Int(value.start)
        guard version == .http11 else { throw .refused(.transferEncodingInHTTP10, start) }
        framing.hasTransferEncoding = true
        var offset = start
        repeat {
            let comma = ByteScan.first(UInt8(ascii: ","), in: bytes, from: offset, to: value.end)
            let (from, to) = FieldSyntax.trim(bytes, from: offset, to: comma)
            // What follows the final coding of a message makes its length unknowable.
            guard !framing.hasChunkedCoding else { throw .refused(.transferEncodingNotFinalChunked, from) }
            var nameEnd = from
            while nameEnd < to, bytes[nameEnd].isIn(.token) { nameEnd += 1 }
            guard nameEnd > from else { throw .refused(.transferEncodingMalformed, from) }
            let isChunked =
                nameEnd - from == 7 && ByteScan.hasPrefix(bytes, from: from, ignoringCase: "chunked")
            if isChunked {
                guard nameEnd == to else { throw .refused(.transferEncodingMalformed, from) }
                framing.hasChunkedCoding = true
            } else {
                let next = nameEnd < to ? bytes[nameEnd] : UInt8(ascii: ";")
                guard next == UInt8(ascii: ";") || next.isBlank else {
                    throw .refused(.transferEncodingMalformed, from)
                }
                framing.hasOtherCoding = true
            }
            offset = comma + 1
        } while offset <= value.end
    }

    /// `Connection: close`, `keep-alive`, `upgrade`, in any letter case and among other names.
    ///
    /// RFC 9110 §7.6.1.
    private mutating func noteConnection(_ bytes: Span<UInt8>, _ value: ByteRange) {
        var offset = Int(value.start)
        while offset < value.end {
            let comma = ByteScan.first(UInt8(ascii: ","), in: bytes, from: offset, to: value.end)
            let (from, to) = FieldSyntax.trim(bytes, from: offset, to: comma)
            switch to - from {
            case 5 where ByteScan.hasPrefix(bytes, from: from, ignoringCase: "close"):
                connectionClose = true
            case 7 where ByteScan.hasPrefix(bytes, from: from, ignoringCase: "upgrade"):
                framing.connectionUpgrade = true
            case 10 where ByteScan.hasPrefix(bytes, from: from, ignoringCase: "keep-alive"):
                framing.connectionKeepAlive = true
            default:
                break
            }
            offset = comma + 1
        }
    }

    /// `Expect: 100-continue` or nothing; without meaning in HTTP/1.0.
    ///
    /// RFC 9110 §10.1.1.
    private mutating func noteExpect(_ bytes: Span<UInt8>, _ value: ByteRange) throws(HeadStop) {
        guard version == .http11, !value.isEmpty else { return }
        guard value.count == 12,
            ByteScan.hasPrefix(bytes, from: Int(value.start), ignoringCase: "100-continue")
        else {
            throw .refused(.expectationFailed, Int(value.start))
        }
        expectsContinue = true
    }

    /// Judges together what the lines said, when the head is whole.
    mutating func finish(_ bytes: Span<UInt8>, at end: Int) throws(HeadStop) {
        try finishHost(bytes, at: end)
        if framing.hasTransferEncoding {
            guard contentLengthOrNone < 0 else { throw .refused(.contentLengthWithTransferEncoding, end) }
            guard framing.hasChunkedCoding else { throw .refused(.transferEncodingNotFinalChunked, end) }
            guard !framing.hasOtherCoding else { throw .refused(.transferEncodingUnsupported, end) }
            isChunked = true
        }
        if version == .http11 {
            keepAlive = !connectionClose
            hasUpgrade = framing.connectionUpgrade && framing.upgradeHasValue
        } else {
            keepAlive = framing.connectionKeepAlive && !connectionClose
        }
    }

    /// Settles what the request is routed by.
    ///
    /// RFC 9112 §3.2, §3.3.
    private mutating func finishHost(_ bytes: Span<UInt8>, at end: Int) throws(HeadStop) {
        guard framing.hasHost else {
            guard version == .http10 else { throw .refused(.hostMissing, end) }
            return
        }
        if targetForm == .origin || targetForm == .asterisk {
            authority = framing.hostValue
            if let syntax = framing.hostSyntax {
                host = syntax.host
                port = syntax.port
            } else {
                host = authority
            }
            return
        }
        let offset = Int(framing.hostValue.start)
        guard let syntax = framing.hostSyntax, syntax.host.count == host.count,
            FieldSyntax.equalsIgnoringCase(bytes.extracting(syntax.host.range), bytes.extracting(host.range)),
            effectivePort(syntax.port) == effectivePort(port)
        else {
            throw .refused(.hostMismatch, offset)
        }
    }

    /// A port, or the default one of an absolute target's scheme.
    private func effectivePort(_ port: UInt16?) -> UInt16? {
        guard targetForm == .absolute else { return port }
        return port ?? (targetIsHTTPS ? 443 : 80)
    }
}
