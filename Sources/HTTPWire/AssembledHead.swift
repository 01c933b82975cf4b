// SPDX-License-Identifier: Apache-2.0

/// A request head put together from single fields, as HTTP/2 delivers them, in the shape of a parsed one.
///
/// **Shape**: `begin`, `append` for each field in order, `finish`. The pseudo-fields `:method`, `:scheme`,
/// `:authority`, `:path` and `:protocol` come first; they set the request line's parts of `head`, and are not among
/// its fields. `:method GET`, `:scheme https`, `:authority a`, `:path /` is valid; with `Accept` after it, for its
/// upper-case letter, or `connection`, it is malformed.
///
/// **Limits**: those of `HeadLimits`, a field counting as its name, its value and 32 bytes (RFC 9113 §6.5.2). Beyond
/// a limit nothing more is kept. `append` tells when twice the limits are passed.
///
/// **Ownership**: owns the bytes that the ranges of `head` point into; both stay valid until the next `begin`.
///
/// **Cost**: copies each field once into a block that is used again; allocates nothing in steady state.
///
/// Source: RFC 9113 §8.2–§8.3, RFC 8441 §4, RFC 9110 §7.2.
public struct AssembledHead: ~Copyable {
    /// The head; whole once `finish` has said `.complete`, and as far as it goes after anything else.
    public internal(set) var head = RequestHead()
    /// The bytes that the ranges point into.
    public internal(set) var bytes = OutputBuffer(capacity: 0)
    /// The `:scheme`, empty where there was none.
    public internal(set) var scheme = ByteRange.empty
    /// The `:protocol` of an extended CONNECT, empty for every other request.
    public internal(set) var connectProtocol = ByteRange.empty
    /// What the priority field asks for.
    public internal(set) var priority = RequestPriority()

    var limits = HeadLimits()
    /// The size of the field list so far, kept or not.
    var listByteCount = 0
    /// How many fields came so far, kept or not, pseudo-fields among them.
    var fieldCount = 0
    var cookieCount = 0
    /// Where cookie fields are joined; its block is kept.
    var joinedCookies = OutputBuffer(capacity: 0)
    var pseudoFields: PseudoFields = []
    /// The `:authority`; meaningful where `pseudoFields` has it.
    var authority = ByteRange.empty
    var malformation: HeadMalformation?
    var refusal: Refusal?

    /// Makes an empty head to assemble into; it holds no block until the first field comes.
    public init() {}

    /// Whether the request is an extended CONNECT, which asks for another protocol on its stream.
    ///
    /// RFC 8441 §4.
    public var isExtendedConnect: Bool { pseudoFields.contains(.connectProtocol) }

    /// Forgets the last head, and makes ready for the next.
    public mutating func begin(limits: HeadLimits) {
        self.limits = limits
        head.reset()
        bytes.removeAll()
        scheme = .empty
        connectProtocol = .empty
        priority = RequestPriority()
        listByteCount = 0
        fieldCount = 0
        cookieCount = 0
        pseudoFields = []
        authority = .empty
        malformation = nil
        refusal = nil
    }

    /// Gives `head` away in exchange for one that nobody needs any more, whose field table the next head uses.
    ///
    /// Costs a move; a copy would share the field table, and have the next head allocate its own.
    public mutating func swapHead(with other: inout RequestHead) { swap(&head, &other) }

    /// Takes one field, which is kept unless something was found wrong before; what is wrong, `finish` tells.
    ///
    /// - Returns: whether the list may go on; false once it is beyond twice its limits, which no client that was
    ///   told of them has a reason to send.
    public mutating func append(name: Span<UInt8>, value: Span<UInt8>) -> Bool {
        // Saturating, though no list is long enough to need it: the caller stops at twice the limits.
        listByteCount = min(listByteCount &+ name.count &+ value.count &+ 32, HeadLimits.headBytesCeiling)
        fieldCount &+= 1
        guard listByteCount <= limits.headBytesMax else {
            refusal = refusal ?? (isTooLongPath(name, value) ? .targetTooLong : .headTooLarge)
            return listByteCount / 2 <= limits.headBytesMax && isCountWithinReason
        }
        guard malformation == nil, refusal == nil else { return isCountWithinReason }
        guard !name.isEmpty else {
            malformation = .fieldNameMalformed
            return true
        }
        if name[0] == UInt8(ascii: ":") {
            appendPseudoField(name, value)
        } else {
            appendField(name, value)
        }
        return isCountWithinReason
    }

    /// Whether a field is a `:path` that alone is longer than a target, or a whole head, may be.
    private func isTooLongPath(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
        value.count > min(limits.targetBytesMax, limits.headBytesMax)
            && name.count == 5 && ByteScan.hasPrefix(name, from: 0, ignoringCase: ":path")
    }

    /// Judges together what the fields said, when the list is whole.
    ///
    /// - Parameter hasContent: whether the request goes on after its head.
    /// - Returns: what became of it. What is refused may be answered; what is malformed is reset.
    public mutating func finish(hasContent: Bool) -> AssembledHeadOutcome {
        // Malformed first: what might be an attack on a neighbour is not answered for being too long.
        if let malformation { return .malformed(malformation) }
        if let refusal { return .refused(refusal) }
        if let malformation = missingPseudoField() { return .malformed(malformation) }
        if cookieCount > 1 { joinCookies() }
        do {
            try settle(hasContent: hasContent)
        } catch {
            switch error {
            case .incomplete: return .refused(.targetMalformed)
            case .refused(let refusal, _): return .refused(refusal)
            }
        }
        guard !hasContent else {
            // Content of unknown length: what chunked is to HTTP/1.1.
            head.isChunked = head.contentLengthOrNone < 0
            return .complete
        }
        return head.contentLengthOrNone > 0 ? .malformed(.contentMissing) : .complete
    }

    /// Whether there are not more than twice as many fields as may be; the pseudo-fields do not count.
    private var isCountWithinReason: Bool {
        (fieldCount - PseudoFields.countMax) / 2 <= limits.fieldCountMax
    }
}

/// What assembling a request head came to.
public enum AssembledHeadOutcome: Equatable, Sendable {
    /// The head is whole and valid.
    case complete
    /// The request is refused with a response.
    case refused(Refusal)
    /// The request is malformed as HTTP/2 defines it, and its stream is reset with PROTOCOL_ERROR.
    case malformed(HeadMalformation)
}

/// Why the fields of an HTTP/2 request do not make a request at all.
///
/// RFC 9113 §8.1.1.
public enum HeadMalformation: UInt8, Error, CaseIterable, Sendable {
    /// A name is empty, not a token, or has an upper-case letter.
    case fieldNameMalformed
    /// A value holds a control character, or begins or ends with white space.
    case fieldValueMalformed
    /// A field speaks of the connection: Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade.
    case connectionField
    /// TE lists something other than `trailers`.
    case transferCodings
    /// A name that begins with a colon is none of a request's.
    case pseudoFieldUnknown
    /// A pseudo-field came twice.
    case pseudoFieldRepeated
    /// A pseudo-field came after a field, or in a trailer section.
    case pseudoFieldMisplaced
    /// The method, the scheme, the path, or a CONNECT's authority is absent or empty.
    case pseudoFieldMissing
    /// A CONNECT that asks for no protocol has a scheme or a path, or another method asks for one.
    case pseudoFieldForbidden
    /// A Content-Length above 0 came with no content.
    case contentMissing
}
