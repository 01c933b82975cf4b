// SPDX-License-Identifier: Apache-2.0

/// The pseudo-fields of requests, as a set.
struct PseudoFields: OptionSet {
    let rawValue: UInt8

    static let method = PseudoFields(rawValue: 1)
    static let scheme = PseudoFields(rawValue: 2)
    static let authority = PseudoFields(rawValue: 4)
    static let path = PseudoFields(rawValue: 8)
    static let connectProtocol = PseudoFields(rawValue: 16)

    /// How many there are.
    static let countMax = 5
}

extension AssembledHead {
    // MARK: Taking fields

    /// Takes a field whose name begins with a colon.
    ///
    /// RFC 9113 §8.3.
    mutating func appendPseudoField(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        guard head.fields.isEmpty else {
            malformation = .pseudoFieldMisplaced
            return
        }
        guard let field = PseudoFields(name) else {
            malformation = .pseudoFieldUnknown
            return
        }
        guard !pseudoFields.contains(field) else {
            malformation = .pseudoFieldRepeated
            return
        }
        guard AssembledHead.isFieldValue(value) else {
            malformation = .fieldValueMalformed
            return
        }
        pseudoFields.insert(field)
        let start = bytes.count
        bytes.append(value)
        let range = ByteRange(inHeadFrom: start, to: bytes.count)
        // The space ends a target as it does in a request line, and keeps every value apart from the next.
        bytes.append(byte: .space)
        switch field {
        case .method:
            head.method = Method(value)
            head.methodRange = range
            if value.count > limits.methodBytesMax { refusal = .methodTooLong }
        case .scheme: scheme = range
        case .authority: authority = range
        case .path:
            head.target = range
            if value.count > limits.targetBytesMax { refusal = .targetTooLong }
        default: connectProtocol = range
        }
    }

    /// Takes a field.
    ///
    /// RFC 9113 §8.2.
    mutating func appendField(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        let id = FieldID(name)
        guard id == .unknown ? AssembledHead.isLowerCaseToken(name) : AssembledHead.isLowerCase(name) else {
            malformation = .fieldNameMalformed
            return
        }
        guard AssembledHead.isFieldValue(value) else {
            malformation = .fieldValueMalformed
            return
        }
        guard head.fields.count < limits.fieldCountMax else {
            refusal = .tooManyFields
            return
        }
        guard name.count + value.count + 2 <= limits.fieldBytesMax else {
            refusal = .fieldTooLarge
            return
        }
        let start = bytes.count
        bytes.append(name)
        let valueStart = bytes.count
        bytes.append(value)
        head.fields.append(
            FieldSlice(
                id: id,
                name: ByteRange(inHeadFrom: start, to: valueStart),
                value: ByteRange(inHeadFrom: valueStart, to: bytes.count)
            )
        )
        guard id != .unknown else { return }
        head.present.insert(id)
        switch id {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade, .te:
            malformation = AssembledHead.connectionMalformation(id, value)
        case .cookie: cookieCount &+= 1
        case .priority: priority.update(from: value)
        default: break
        }
    }

    /// What is wrong about one field of a trailer section, by the rules of a head's; nil for nothing.
    ///
    /// RFC 9113 §8.2.1, §8.2.2 and, for pseudo-fields, §8.1.
    public static func malformation(ofTrailer name: Span<UInt8>, _ value: Span<UInt8>) -> HeadMalformation? {
        guard !name.isEmpty else { return .fieldNameMalformed }
        guard name[0] != UInt8(ascii: ":") else { return .pseudoFieldMisplaced }
        guard isLowerCaseToken(name) else { return .fieldNameMalformed }
        guard isFieldValue(value) else { return .fieldValueMalformed }
        return connectionMalformation(FieldID(name), value)
    }

    /// What is wrong about a field for its speaking of the connection; nil for nothing.
    ///
    /// RFC 9113 §8.2.2.
    @inline(__always)
    private static func connectionMalformation(_ id: FieldID, _ value: Span<UInt8>) -> HeadMalformation? {
        switch id {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: .connectionField
        case .te where value.count != 8 || !ByteScan.hasPrefix(value, from: 0, ignoringCase: "trailers"):
            .transferCodings
        default: nil
        }
    }

    // MARK: At the end

    /// What is wrong about which pseudo-fields came.
    ///
    /// RFC 9113 §8.3.1 and §8.5, RFC 8441 §4.
    func missingPseudoField() -> HeadMalformation? {
        guard pseudoFields.contains(.method), !head.methodRange.isEmpty else { return .pseudoFieldMissing }
        if head.method == .connect, !pseudoFields.contains(.connectProtocol) {
            guard pseudoFields.isDisjoint(with: [.scheme, .path]) else { return .pseudoFieldForbidden }
            return authority.isEmpty ? .pseudoFieldMissing : nil
        }
        guard !scheme.isEmpty, !head.target.isEmpty else { return .pseudoFieldMissing }
        guard pseudoFields.contains(.connectProtocol) else { return nil }
        guard head.method == .connect else { return .pseudoFieldForbidden }
        return connectProtocol.isEmpty || authority.isEmpty ? .pseudoFieldMissing : nil
    }

    /// Joins the parts of a cookie string, which HTTP/2 lets a client send as several fields.
    ///
    /// RFC 9113 §8.2.3.
    mutating func joinCookies() {
        AssembledHead.join(head.fields, of: bytes, into: &joinedCookies)
        let start = bytes.count
        AssembledHead.append(joinedCookies, to: &bytes)
        var first: Int?
        var kept = 0
        for index in head.fields.indices {
            let field = head.fields[index]
            if field.id == .cookie {
                guard first == nil else { continue }
                first = kept
            }
            head.fields[kept] = field
            kept += 1
        }
        head.fields.removeLast(head.fields.count - kept)
        guard let first else { return }
        head.fields[first].value = ByteRange(inHeadFrom: start, to: bytes.count)
    }

    private static func join(
        _ fields: ContiguousArray<FieldSlice>,
        of bytes: borrowing OutputBuffer,
        into joined: inout OutputBuffer
    ) {
        joined.removeAll()
        bytes.withSpan { span in
            for field in fields where field.id == .cookie {
                if !joined.isEmpty { joined.append("; ") }
                joined.append(span.extracting(field.value.range))
            }
        }
    }

    private static func append(_ joined: borrowing OutputBuffer, to bytes: inout OutputBuffer) {
        joined.withSpan { bytes.append($0) }
    }

    /// Settles method, target, host and content from the fields that were taken.
    mutating func settle(hasContent: Bool) throws(HeadStop) {
        let isHTTPS = try AssembledHead.settle(
            &head,
            in: bytes,
            scheme: scheme,
            authority: authority,
            hasProtocol: isExtendedConnect
        )
        head.targetIsHTTPS = isHTTPS
        head.version = .http2
    }

    private static func settle(
        _ head: inout RequestHead,
        in bytes: borrowing OutputBuffer,
        scheme: ByteRange,
        authority: ByteRange,
        hasProtocol: Bool
    ) throws(HeadStop) -> Bool {
        try bytes.withSpan { (span) throws(HeadStop) in
            let method = span.extracting(head.methodRange.range)
            guard FieldSyntax.isToken(method) else { throw .refused(.methodMalformed, 0) }
            let isHTTPS = try head.assembleTarget(span, scheme, authority, hasProtocol: hasProtocol)
            for field in head.fields {
                switch field.id {
                case .host, .contentLength, .expect: try head.noteFraming(span, field.id, field.value)
                default: break
                }
            }
            try head.assembleHost(span, authority, isHTTPS: isHTTPS)
            return isHTTPS
        }
    }

    // MARK: Grammar

    /// Whether a value has no control character and no white space at its ends.
    ///
    /// RFC 9113 §8.2.1.
    @inline(__always)
    private static func isFieldValue(_ value: Span<UInt8>) -> Bool {
        guard !value.isEmpty else { return true }
        return !value[0].isBlank && !value[value.count &- 1].isBlank && FieldSyntax.isFieldValue(value)
    }

    /// Whether a well-known name, of letters, digits and hyphens, has lower-case letters only: bit 5 of each byte set.
    @inline(__always)
    private static func isLowerCase(_ name: Span<UInt8>) -> Bool {
        var all: UInt8 = 0x20
        for index in name.indices { all &= name[index] }
        return all != 0
    }

    /// Whether a name is a token without upper-case letters.
    @inline(__always)
    private static func isLowerCaseToken(_ name: Span<UInt8>) -> Bool {
        for index in name.indices where !name[index].isIn(.token) || name[index] &- 0x41 < 26 { return false }
        return true
    }
}

extension PseudoFields {
    /// The pseudo-field of a name, nil where it is none of a request's.
    @inline(__always)
    fileprivate init?(_ name: Span<UInt8>) {
        switch name.count {
        case 5 where ByteScan.isEqual(name, ":path"): self = .path
        case 7 where ByteScan.isEqual(name, ":method"): self = .method
        case 7 where ByteScan.isEqual(name, ":scheme"): self = .scheme
        case 9 where ByteScan.isEqual(name, ":protocol"): self = .connectProtocol
        case 10 where ByteScan.isEqual(name, ":authority"): self = .authority
        default: return nil
        }
    }
}

extension RequestHead {
    /// Takes scheme and target apart, by the rules of a request line, and tells whether the scheme is `https`.
    ///
    /// RFC 9113 §8.3.1.
    fileprivate mutating func assembleTarget(
        _ bytes: Span<UInt8>,
        _ scheme: ByteRange,
        _ authority: ByteRange,
        hasProtocol: Bool
    ) throws(HeadStop) -> Bool {
        if method == .connect, !hasProtocol {
            guard let syntax = HostSyntax(bytes, from: Int(authority.start), to: authority.end),
                syntax.port != nil
            else {
                throw .refused(.targetMalformed, Int(authority.start))
            }
            targetForm = .authority
            target = authority
            return false
        }
        let schemeStart = Int(scheme.start)
        let isHTTPS = scheme.count == 5
        guard isHTTPS || scheme.count == 4,
            ByteScan.hasPrefix(bytes, from: schemeStart, ignoringCase: isHTTPS ? "https" : "http")
        else {
            throw .refused(.targetMalformed, schemeStart)
        }
        // An extended CONNECT has a path like any other request; only a plain one has an authority for a target.
        let method = method
        if method == .connect { self.method = .get }
        defer { self.method = method }
        let start = Int(target.start)
        let targetEnd = target.end
        let end = try parseTarget(bytes, from: start, HeadWindow(end: targetEnd + 1))
        guard end == targetEnd, targetForm == .origin || targetForm == .asterisk else {
            throw .refused(.targetMalformed, start)
        }
        return isHTTPS
    }

    /// Settles what the request is routed by: `:authority`, else the Host field; both only where they agree.
    ///
    /// RFC 9113 §8.3.1.
    fileprivate mutating func assembleHost(
        _ bytes: Span<UInt8>,
        _ given: ByteRange,
        isHTTPS: Bool
    ) throws(HeadStop) {
        guard !given.isEmpty else {
            guard framing.hasHost, let syntax = framing.hostSyntax else {
                throw .refused(framing.hasHost ? .hostMalformed : .hostMissing, 0)
            }
            setAuthority(framing.hostValue, syntax)
            return
        }
        guard let syntax = HostSyntax(bytes, from: Int(given.start), to: given.end) else {
            throw .refused(.hostMalformed, Int(given.start))
        }
        setAuthority(given, syntax)
        guard framing.hasHost else { return }
        let defaultPort: UInt16? = targetForm == .authority ? nil : isHTTPS ? 443 : 80
        guard let other = framing.hostSyntax, other.host.count == syntax.host.count,
            FieldSyntax.equalsIgnoringCase(
                bytes.extracting(other.host.range),
                bytes.extracting(syntax.host.range)
            ),
            other.port ?? defaultPort == syntax.port ?? defaultPort
        else {
            throw .refused(.hostMismatch, Int(framing.hostValue.start))
        }
    }
}
