// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// The response's content with a coding applied, where the response turns out to be one to compress.
///
/// Loop-affine, as what it stands in front of. What is written before `byteCountMin` is reached is held back until it
/// is known whether more comes.
final class CompressingBody: HTTPResponseBodyFeature, HTTPSendFileFeature {
    private enum State {
        /// Nothing is decided; what was written so far is held back.
        case undecided
        /// Bytes go out as they are.
        case identity
        /// Bytes go through the encoder.
        case encoding(ContentEncoder)
        /// The response to a HEAD has the fields of a coding; what is written is not looked at.
        case discarding
        /// The response is complete.
        case ended
    }

    private let settings: ResponseCompression
    private let coding: CompressionCoding?
    private let request: any HTTPRequestFeature
    private let response: any HTTPResponseFeature
    private let body: any HTTPResponseBodyFeature
    private var state = State.undecided
    private var held: [UInt8] = []
    var sendFileFeature: (any HTTPSendFileFeature)?
    /// Where to say that a compressed variant may be stored.
    var caching: (any HTTPResponseCachingFeature)?

    init(
        _ settings: ResponseCompression,
        _ coding: CompressionCoding?,
        _ request: any HTTPRequestFeature,
        _ response: any HTTPResponseFeature,
        _ body: any HTTPResponseBodyFeature
    ) {
        self.settings = settings
        self.coding = coding
        self.request = request
        self.response = response
        self.body = body
    }

    // MARK: Deciding

    /// Decides by the response's status and fields as they are now.
    ///
    /// - Parameter wholeByteCount: the content's size, where all of it is at hand.
    private func decide(wholeByteCount: Int? = nil) {
        guard case .undecided = state else { return }
        state = .identity
        if response.hasStarted || response.statusCode == 101 { return }
        if response.statusCode == 304 { return decideWithoutContent() }
        guard settings.isCompressible(request, response) else { return }
        if let wholeByteCount, wholeByteCount < settings.byteCountMin {
            // A HEAD may write nothing of what a GET would.
            guard request.knownMethod == .head, wholeByteCount == 0 else { return }
            guard response.responseHeaders.contains(id: .contentLength) else { return decideWithoutContent() }
        }
        addVary()
        guard let coding, !settings.bearsSecretOverHTTPS(request, response) else { return }
        if request.knownMethod == .head {
            // The fields of a GET, but for a length that only encoding would tell (RFC 9110 §8.6, §9.3.2).
            changeFields(coding)
            state = .discarding
            held = []
            return
        }
        guard let encoder = try? ContentEncoder(coding, level: settings.level(of: coding)) else { return }
        state = .encoding(encoder)
        changeFields(coding)
        if let caching, caching.cachePolicy == .automatic, response.statusCode == 200,
            let lifetime = SharedLifetime.of(response.responseHeaders)
        {
            caching.cachePolicy = .timeToLive(lifetime)
        }
    }

    /// Gives a 304 the fields that the 200 in its place would have had (RFC 9110 §15.4.5), also a HEAD that does not
    /// say how much a GET would write.
    ///
    /// A 304 seldom names its media type. Without one, `Vary` is added in any case, and the tag becomes weak where the
    /// client holds the weak one, which it has from here.
    private func decideWithoutContent() {
        let fields = response.responseHeaders
        guard settings.mayBeCompressed(fields) else { return }
        let type = fields[FieldID.contentType]
        if let type, !settings.isListed(type) { return }
        addVary()
        guard coding != nil, !settings.bearsSecretOverHTTPS(request, response),
            let tag = fields[FieldID.eTag]
        else { return }
        if type != nil || holdsWeakTag(tag) { weakenTag() }
    }

    /// Whether If-None-Match lists the weak form of a tag.
    private func holdsWeakTag(_ tag: String) -> Bool {
        guard let held = request.value(of: .ifNoneMatch) else { return false }
        let list = held.utf8.span
        var isHeld = false
        FieldSyntax.forEachElement(list) { range in
            isHeld = FieldSyntax.string(list.extracting(range)) == "W/" + tag
            return !isHeld
        }
        return isHeld
    }

    private func addVary() {
        let name: StaticString = "accept-encoding"
        for value in response.responseHeaders.values(of: .vary)
        where FieldSyntax.listContains(name, in: value.utf8.span)
            || FieldSyntax.listContains("*", in: value.utf8.span)
        {
            return
        }
        try? response.responseHeaders.append(id: .vary, value: "Accept-Encoding")
    }

    private func changeFields(_ coding: CompressionCoding) {
        try? response.responseHeaders.set(id: .contentEncoding, value: "\(coding.name)")
        for id in [FieldID.contentLength, .acceptRanges, .contentMD5, .contentDigest] {
            _ = response.responseHeaders.remove(id: id)
        }
        weakenTag()
    }

    private func weakenTag() {
        if let tag = response.responseHeaders[FieldID.eTag], tag.hasPrefix("\"") {
            try? response.responseHeaders.set(id: .eTag, value: "W/" + tag)
        }
    }

    // MARK: HTTPResponseBodyFeature

    func write(_ bytes: [UInt8]) async throws {
        switch state {
        case .undecided:
            let isKnown = response.responseHeaders.contains(id: .contentLength)
            if !isKnown, coding != nil, held.count + bytes.count < settings.byteCountMin, !response.hasStarted
            {
                held.append(contentsOf: bytes)
                return
            }
            decide()
            let first = held.isEmpty ? bytes : held + bytes
            held = []
            try await write(first)
        case .identity: try await body.write(bytes)
        case .encoding(let encoder): try await encode(bytes, .gather, with: encoder)
        case .discarding: break
        case .ended: throw HTTPResponseError(.alreadyCompleted)
        }
    }

    func write(_ text: String) async throws {
        if case .identity = state { return try await body.write(text) }
        try await write(Array(text.utf8))
    }

    func start() async throws {
        try await release()
        try await body.start()
    }

    func flush() async throws {
        try await release()
        if case .encoding(let encoder) = state { try await encode([], .flush, with: encoder) }
        try await body.flush()
    }

    func sendFile(_ path: String, offset: Int64, byteCount: Int64?) async throws {
        try await releaseForFile()
        try await body.sendFile(path, offset: offset, byteCount: byteCount)
    }

    func sendFile(descriptor: Int32, offset: Int64, byteCount: Int64) async throws {
        guard let sendFileFeature else { throw HTTPResponseError(.fileUnavailable) }
        try await releaseForFile()
        try await sendFileFeature.sendFile(descriptor: descriptor, offset: offset, byteCount: byteCount)
    }

    func complete() async throws {
        try await end()
        try await body.complete()
    }

    /// Ends the coding after the handler, or at `complete()`; a response that was not started stays so.
    func end() async throws {
        switch state {
        case .undecided:
            // Also for a response without content: its fields may say that others vary.
            decide(wholeByteCount: held.count)
            let content = held
            held = []
            if !content.isEmpty { try await body.write(content) }
        case .encoding(let encoder): try await encode([], .finish, with: encoder)
        case .identity, .discarding, .ended: break
        }
        state = .ended
    }

    // MARK: Parts

    /// Decides, with more content to be expected, and lets go of what was held back.
    private func release() async throws {
        guard case .undecided = state else { return }
        decide()
        let first = held
        held = []
        if !first.isEmpty { try await write(first) }
    }

    /// A file goes out as it is; where part of the content is encoded already, it cannot follow.
    private func releaseForFile() async throws {
        switch state {
        case .undecided:
            state = .identity
            let first = held
            held = []
            if !first.isEmpty { try await body.write(first) }
        case .identity: break
        case .encoding, .discarding:
            throw HTTPResponseError(.fileUnavailable, "a file cannot follow content that is being compressed")
        case .ended: throw HTTPResponseError(.alreadyCompleted)
        }
    }

    private func encode(
        _ bytes: [UInt8],
        _ operation: ContentEncoder.Operation,
        with encoder: ContentEncoder
    ) async throws {
        var output: [UInt8] = []
        do {
            try encoder.encode(bytes, operation, into: &output)
        } catch {
            // Part of the content may be out: the client must not take what it has for the whole.
            state = .ended
            throw HTTPConnectionError("the response could not be compressed")
        }
        if !output.isEmpty { try await body.write(output) }
    }
}
