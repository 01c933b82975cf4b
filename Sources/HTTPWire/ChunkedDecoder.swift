// SPDX-License-Identifier: Apache-2.0

/// Takes the chunked coding off content, piece by piece, wherever it was cut.
///
/// **Shape**: `chunk-size [ chunk-ext ] CRLF data CRLF … 0 CRLF trailers CRLF`, strictly: sizes are one to sixteen
/// hexadecimal digits below 2⁶³ with nothing around them, lines end with CRLF only, an extension holds tokens, `=`, `;`,
/// blanks and quoted strings. `5␍␊hello␍␊0␍␊␍␊` is valid; `5 ␍␊` and `5␊` are refused.
///
/// **Limits**: chunk extensions of one message together, bytes and lines of its trailer section.
///
/// **Cost**: content is not copied. Nothing is allocated but for trailers.
///
/// Source: RFC 9112 §7.1; RFC 9110 §6.5.
public struct ChunkedDecoder: Sendable {
    /// What the next bytes of the input are.
    public enum Event: Equatable, Sendable {
        /// These offsets of the input are content.
        case content(Range<Int>)
        /// The input is used up, and the message is not at its end.
        case needMore
        /// The message is at its end; bytes after `position` are not part of it.
        case end
        /// The message is refused, now and on each further call.
        case refused(Refusal)
    }

    /// Where in the grammar the next byte stands.
    private enum State: Equatable {
        case sizeStart
        case size
        case fieldExtension
        case quotedExtension
        case quotedPair
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailerLineStart
        case trailerLine
        case trailerLineFeed
        case endLineFeed
        case end
        case refused(Refusal)
    }

    private var state = State.sizeStart
    /// What is left of the chunk, or its size so far.
    private var remaining: UInt64 = 0
    private var sizeDigitCount = 0
    private var extensionByteCount = 0
    private var trailerByteCount = 0
    private var trailerLineCount = 0
    private var trailerLine: [UInt8] = []
    private let trailerBytesMax: Int
    private let trailerCountMax: Int
    private let extensionBytesMax: Int

    /// The trailer fields, valid after `.end`; those that a trailer section must not carry are dropped.
    ///
    /// Dropped are the names for which `FieldID.isForbiddenInTrailers` holds, RFC 9110 §6.5.1.
    public private(set) var trailers = FieldSection()

    /// The bytes taken so far that are not content: sizes, extensions, line ends and trailers.
    public private(set) var overheadByteCount = 0

    /// Makes a decoder at the start of a message.
    ///
    /// - Parameters:
    ///   - trailerBytesMax: bytes of the trailer section; over it `trailersTooLarge`.
    ///   - trailerCountMax: lines of the trailer section; over it `trailersTooLarge`.
    ///   - extensionBytesMax: bytes of all chunk extensions together; over it `chunkExtensionTooLarge`.
    public init(trailerBytesMax: Int = 8192, trailerCountMax: Int = 100, extensionBytesMax: Int = 4096) {
        self.trailerBytesMax = trailerBytesMax
        self.trailerCountMax = trailerCountMax
        self.extensionBytesMax = extensionBytesMax
    }

    /// Goes on at `position`, and moves it past what was taken; call until it says other than `.content`.
    ///
    /// - Parameters:
    ///   - input: bytes of the message, all or a piece.
    ///   - position: the offset of the first byte not yet taken.
    /// - Returns: what was met.
    public mutating func next(_ input: Span<UInt8>, position: inout Int) -> Event {
        precondition(position >= 0 && position <= input.count, "A position lies inside its input.")
        while true {
            switch state {
            case .end:
                return .end
            case .refused(let refusal):
                return .refused(refusal)
            case .data:
                guard position < input.count else { return .needMore }
                let count = Int(min(remaining, UInt64(input.count - position)))
                let range = position..<(position + count)
                position += count
                remaining -= UInt64(count)
                if remaining == 0 { state = .dataCarriageReturn }
                return .content(range)
            default:
                guard position < input.count else { return .needMore }
                state = step(input[position])
                if case .refused = state { continue }
                position += 1
                // Saturates: a message of more framing than an Int counts is refused elsewhere by its length.
                overheadByteCount = overheadByteCount == .max ? .max : overheadByteCount + 1
            }
        }
    }

    /// The state after one byte of framing.
    private mutating func step(_ byte: UInt8) -> State {
        switch state {
        case .sizeStart:
            guard let digit = byte.hexDigitValue else { return .refused(.chunkSizeMalformed) }
            remaining = UInt64(digit)
            sizeDigitCount = 1
            return .size
        case .size:
            return stepInSize(byte)
        case .fieldExtension, .quotedExtension, .quotedPair:
            return stepInExtension(byte)
        case .sizeLineFeed:
            guard byte == .lineFeed else { return .refused(.bareCarriageReturn) }
            return remaining == 0 ? .trailerLineStart : .data
        case .dataCarriageReturn:
            return byte == .carriageReturn ? .dataLineFeed : .refused(.chunkDataMalformed)
        case .dataLineFeed:
            return byte == .lineFeed ? .sizeStart : .refused(.chunkDataMalformed)
        case .trailerLineStart:
            return byte == .carriageReturn ? .endLineFeed : stepInTrailer(byte)
        case .trailerLine:
            return byte == .carriageReturn ? .trailerLineFeed : stepInTrailer(byte)
        case .trailerLineFeed:
            return byte == .lineFeed ? endTrailerLine() : .refused(.bareCarriageReturn)
        case .endLineFeed:
            return byte == .lineFeed ? .end : .refused(.bareCarriageReturn)
        case .data, .end, .refused:
            preconditionFailure("These states take no byte of framing.")
        }
    }

    private mutating func stepInSize(_ byte: UInt8) -> State {
        if let digit = byte.hexDigitValue {
            sizeDigitCount += 1
            // Sixteen digits hold any size, so more are leading zeros without end; 2⁶³ and up is no Int.
            guard sizeDigitCount <= 16, remaining < 1 << 59 else { return .refused(.chunkSizeMalformed) }
            remaining = remaining << 4 | UInt64(digit)
            return .size
        }
        switch byte {
        case .carriageReturn: return .sizeLineFeed
        case .lineFeed: return .refused(.bareLineFeed)
        case UInt8(ascii: ";"): return stepInExtension(byte)
        default: return .refused(.chunkSizeMalformed)
        }
    }

    private mutating func stepInExtension(_ byte: UInt8) -> State {
        let isQuoted = state == .quotedExtension || state == .quotedPair
        if byte == .carriageReturn, !isQuoted { return .sizeLineFeed }
        guard byte != .lineFeed else { return .refused(.bareLineFeed) }
        guard byte.isIn(.fieldValue) else { return .refused(.chunkExtensionMalformed) }
        extensionByteCount += 1
        guard extensionByteCount <= extensionBytesMax else { return .refused(.chunkExtensionTooLarge) }
        switch (state, byte) {
        case (.quotedPair, _): return .quotedExtension
        case (.quotedExtension, UInt8(ascii: "\\")): return .quotedPair
        case (.quotedExtension, UInt8(ascii: "\"")): return .fieldExtension
        case (.quotedExtension, _): return .quotedExtension
        case (_, UInt8(ascii: "\"")): return .quotedExtension
        case (_, UInt8(ascii: ";")), (_, UInt8(ascii: "=")), (_, .space), (_, .tab): return .fieldExtension
        default: return byte.isIn(.token) ? .fieldExtension : .refused(.chunkExtensionMalformed)
        }
    }

    private mutating func stepInTrailer(_ byte: UInt8) -> State {
        guard byte != .lineFeed else { return .refused(.bareLineFeed) }
        if state == .trailerLineStart {
            guard !byte.isBlank else { return .refused(.obsoleteFold) }
            trailerLineCount += 1
            guard trailerLineCount <= trailerCountMax else { return .refused(.trailersTooLarge) }
        }
        trailerByteCount += 1
        guard trailerByteCount <= trailerBytesMax else { return .refused(.trailersTooLarge) }
        trailerLine.append(byte)
        return .trailerLine
    }

    /// Judges a whole trailer line, and keeps it where a trailer section may carry it.
    private mutating func endTrailerLine() -> State {
        // Swapped out and back, so that its memory is used again for the next line.
        var line: [UInt8] = []
        swap(&line, &trailerLine)
        let isValid = ChunkedDecoder.keepTrailer(line.span, in: &trailers)
        line.removeAll(keepingCapacity: true)
        swap(&line, &trailerLine)
        return isValid ? .trailerLineStart : .refused(.trailerMalformed)
    }

    /// Adds a field line to the trailers unless its name is forbidden there; false where it is malformed.
    private static func keepTrailer(_ line: Span<UInt8>, in trailers: inout FieldSection) -> Bool {
        let colon = ByteScan.first(UInt8(ascii: ":"), in: line, from: 0, to: line.count)
        guard colon < line.count else { return false }
        let name = line.extracting(0..<colon)
        let value = line.extracting((colon + 1)..<line.count)
        guard !FieldID(name).isForbiddenInTrailers else { return FieldSyntax.isFieldValue(value) }
        do {
            try trailers.append(name: name, value: value)
            return true
        } catch {
            return false
        }
    }
}
