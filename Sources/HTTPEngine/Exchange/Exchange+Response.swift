// SPDX-License-Identifier: Apache-2.0

import Glibc
public import HTTPFeatures
public import HTTPWire
import IORing

extension Exchange: HTTPResponseFeature {
    /// The status code.
    public var statusCode: Int {
        get { Int(status) }
        set {
            guard !hasStartedResponse, newValue >= 200, newValue < 1000 else { return }
            status = UInt16(newValue)
        }
    }
    /// The reason phrase.
    public var reasonPhrase: String? {
        get { reason }
        set { if !hasStartedResponse { reason = newValue } }
    }
    /// The field section; changes after the start have no effect.
    public var responseHeaders: FieldSection {
        get { responseFields }
        // One yield of a stored address, inlined into the protocol's witness: else the frames of both, which then
        // exceed the caller's 32 bytes, are allocated for each change of a field.
        @inline(__always)
        _modify {
            let fields = hasStartedResponse ? lateFields() : fieldSections
            yield &fields.pointee
        }
    }

    /// A copy of the fields, for changes that come to nothing.
    ///
    /// The head may be written from the real ones on another thread at this moment.
    @inline(never)
    private func lateFields() -> UnsafeMutablePointer<FieldSection> {
        fieldSections[1] = fieldSections[0]
        return fieldSections + 1
    }

    /// Whether status and fields are fixed.
    public var hasStarted: Bool { hasStartedResponse }

    /// Runs an action before the start.
    public func onStarting(_ action: @escaping () throws -> Void) throws {
        guard !hasStartedResponse else { throw HTTPResponseError(.alreadyStarted) }
        startingActions.append(action)
    }

    /// Runs an action after the end.
    public func onCompleted(_ action: @escaping () -> Void) { completedActions.append(action) }
}

extension Exchange: HTTPResponseBodyFeature {
    /// Writes bytes.
    public func write(_ bytes: [UInt8]) async throws {
        guard loop.ring.isCurrent else { return try await onLoop { try await $0.writeHere(bytes) } }
        try await writeHere(bytes)
    }

    private func writeHere(_ bytes: [UInt8]) async throws {
        let mustWait =
            bytes.count >= Exchange.sharedWriteByteCount
            ? try writeShared(bytes, 0..<bytes.count) : try bytes.withUnsafeBytes { try append($0) }
        if mustWait { try await waitForOutput(below: responseBufferByteCountMax) }
    }

    /// Writes text.
    public func write(_ text: String) async throws {
        guard loop.ring.isCurrent else { return try await onLoop { try await $0.write(text) } }
        var text = text
        let mustWait = try text.withUTF8 { try append(UnsafeRawBufferPointer($0)) }
        if mustWait { try await waitForOutput(below: responseBufferByteCountMax) }
    }

    /// Fixes status, fields and framing.
    public func start() async throws {
        guard loop.ring.isCurrent else { return try await onLoop { try await $0.start() } }
        try startNow()
        commit(isWhole: false)
    }

    /// Sends what was written and waits for the kernel.
    public func flush() async throws {
        guard loop.ring.isCurrent else { return try await onLoop { try await $0.flush() } }
        try startNow()
        pump()
        driver?.connection.touch()
        try await waitForOutput(below: 0)
    }

    /// Ends the response.
    public func complete() async throws {
        guard loop.ring.isCurrent else { return try await onLoop { try await $0.complete() } }
        try startNow()
        try finishResponse()
    }

    static let sharedWriteByteCount = 16 << 10

    /// Runs the starting actions and fixes status and fields, once.
    func startNow() throws {
        guard !hasStartedResponse else { return }
        if isComplete { throw HTTPResponseError(.alreadyCompleted) }
        if !startingActions.isEmpty { try runStartingActions() }
        hasStartedResponse = true
        if responseFields.mayContain.contains(.contentLength) { try readDeclaredLength() }
    }

    private func runStartingActions() throws {
        while let action = startingActions.popLast() { try action() }
    }

    private func readDeclaredLength() throws {
        if responseFields.contains(id: .contentLength) {
            guard let text = responseFields[FieldID.contentLength], let length = Int64(text), length >= 0
            else {
                hasStartedResponse = false
                throw HTTPResponseError(.invalidHead, "Content-Length is not a number")
            }
            declaredLength = length
        }
    }

    /// Counts bytes to be written; `false` when they are not to be sent.
    func admit(_ byteCount: Int64) throws -> Bool {
        if isComplete { throw HTTPResponseError(.alreadyCompleted) }
        // A handler that writes for ever must learn that nobody reads.
        if isAborted { throw HTTPConnectionError("the connection has ended") }
        try startNow()
        guard byteCount > 0 else { return true }
        if isBodiless { throw HTTPResponseError(.bodyNotAllowed, "status \(status)") }
        if declaredLength >= 0, writtenLength + byteCount > declaredLength {
            throw HTTPResponseError(.contentLengthExceeded)
        }
        writtenLength += byteCount
        return head.method != .head
    }

    /// Writes without waiting.
    ///
    /// On the loop only.
    ///
    /// - Returns: whether so much is unsent that the writer must wait.
    func append(_ bytes: UnsafeRawBufferPointer) throws -> Bool {
        guard try admit(Int64(bytes.count)), let connection = driver?.connection else { return false }
        if isCommitted || declaredLength > writtenLength || wholeBody != nil, bytes.count >= 4096 {
            if !isCommitted { commit(isWhole: false) }
            emit(bytes)
        } else {
            body.append(bytes)
            connection.hasGatheredContent = true
            if body.count > responseBufferByteCountMax { pump() }
        }
        connection.touch()
        return connection.unsentByteCount + body.count > responseBufferByteCountMax
    }

    /// Writes an array by reference, without a copy.
    private func writeShared(_ bytes: [UInt8], _ range: Range<Int>) throws -> Bool {
        guard try admit(Int64(range.count)), let connection = driver?.connection else { return false }
        if !isCommitted, body.count == 0, wholeBody == nil {
            // It may be all of the content, and then its length is known: see what comes next.
            wholeBody = bytes
            connection.hasGatheredContent = true
            connection.touch()
            return false
        }
        pump()
        if framing == .chunked { connection.output.appendChunkHead(byteCount: range.count) }
        connection.append(.array(bytes, range))
        if framing == .chunked { connection.output.append("\r\n" as StaticString) }
        return connection.unsentByteCount > responseBufferByteCountMax
    }

    /// Puts written bytes into the connection's output, in the response's framing.
    private func emit(_ bytes: UnsafeRawBufferPointer) {
        guard let connection = driver?.connection, bytes.count > 0 else { return }
        if body.count > 0 || wholeBody != nil { pump() }
        connection.reserveOutput(bytes.count + 32)
        if framing == .chunked {
            connection.output.appendChunkHead(byteCount: bytes.count)
            connection.output.append(bytes)
            connection.output.append("\r\n" as StaticString)
        } else {
            connection.output.append(bytes)
        }
    }

    /// Moves what was written to the connection's output; commits the head first.
    func pump() {
        guard driver != nil, hasStartedResponse, !isComplete else { return }
        if !isCommitted { commit(isWhole: false) }
        guard let connection = driver?.connection else { return }
        if wholeBody != nil { emitWholeBody(to: connection) }
        guard body.count > 0 else { return }
        connection.reserveOutput(body.count + 32)
        if framing == .chunked { connection.output.appendChunkHead(byteCount: body.count) }
        body.withUnsafeBytes { connection.output.append($0) }
        if framing == .chunked { connection.output.append("\r\n" as StaticString) }
        body.removeAll()
    }

    /// Sends the large array that was written first, by reference.
    private func emitWholeBody(to connection: Connection) {
        guard let bytes = wholeBody.take() else { return }
        if framing == .chunked { connection.output.appendChunkHead(byteCount: bytes.count) }
        connection.append(.array(bytes, 0..<bytes.count))
        if framing == .chunked { connection.output.append("\r\n" as StaticString) }
    }

    /// Whether the status rules out content (RFC 9110 §6.4.1).
    var isBodiless: Bool { status == 204 || status == 304 || status == 205 || status < 200 }

    /// Waits until no more than so many bytes are unsent, or the connection has ended.
    func waitForOutput(below byteCount: Int) async throws {
        while let driver, driver.connection.unsentByteCount + body.count > byteCount {
            pump()
            driver.connection.touch()
            await LoopWaiter.wait(on: loop.ring) { outputWaiter = $0 }
            outputWaiter = nil
            if Task.isCancelled { throw CancellationError() }
        }
    }

    /// The handler has returned: completes the response, or answers for its error.
    func finish(_ error: (any Error)?) {
        isHandlerDone = true
        contentReadByHandler = contentRead
        guard let driver else {
            runCompletedActions()
            return
        }
        if duplex != nil {
            driver.connection.closeAfterOutput(lingers: true)
        } else if let error {
            fail(error)
        } else if !isComplete {
            do {
                try startNow()
                try finishResponse()
            } catch {
                fail(error)
            }
        }
        if !completedActions.isEmpty { runCompletedActions() }
        // What the actions did may have ended the connection, and the exchange's place on it.
        self.driver?.exchangeFinished(self)
    }

    private func runCompletedActions() {
        while let action = completedActions.popLast() { action() }
    }

    /// Ends the message: the rest of the body, the last chunk.
    private func finishResponse() throws {
        guard !isComplete, let driver else { return }
        let connection = driver.connection
        if declaredLength >= 0, writtenLength < declaredLength, head.method != .head, !isBodiless {
            throw HTTPResponseError(.contentLengthNotReached, "\(writtenLength) of \(declaredLength)")
        }
        connection.hasGatheredContent = false
        let isWhole = !isCommitted
        if isWhole { commit(isWhole: true, driver, connection) }
        if wholeBody != nil { emitWholeBody(to: connection) }
        if body.count > 0 {
            if isWhole, framing == .fixed {
                connection.reserveOutput(body.count)
                body.withUnsafeBytes { connection.output.append($0) }
                body.removeAll()
            } else {
                pump()
            }
        }
        if framing == .chunked, head.method != .head {
            connection.output.appendLastChunk(trailers: trailerFields)
        }
        isComplete = true
        connection.touch()
    }

    /// Answers for an error that left the handler.
    private func fail(_ error: any Error) {
        loop.engine.report(.handlerFailed(error: error, request: traceIdentifier))
        guard !isCommitted, let driver else {
            // Part of the response is out; only the end of the connection tells the client that it is not whole.
            self.driver?.connection.close(reset: true)
            return
        }
        var code = 500
        if let bad = error as? BadHTTPRequestError, (400...599).contains(bad.statusCode) {
            code = bad.statusCode
        }
        let persisted = persists
        resetResponse()
        persists = persisted && contentError == nil && code != 413
        status = UInt16(code)
        responseFields.append(id: .contentType, literal: "text/plain")
        hasStartedResponse = true
        if head.method != .head {
            body.append(ReasonPhrase.standard(for: status))
            body.append("\n" as StaticString)
        }
        writtenLength = Int64(body.count)
        try? finishResponse()
        driver.connection.touch()
    }

    // MARK: The head

    /// Decides the framing and whether the connection persists, and writes the head.
    ///
    /// Once for a response.
    ///
    /// - Parameter isWhole: whether all of the content is in `body`, so that its length is known.
    func commit(isWhole: Bool) {
        guard !isCommitted, let driver else { return }
        commit(isWhole: isWhole, driver, driver.connection)
    }

    @inline(__always)
    private func commit(isWhole: Bool, _ driver: HTTP1Driver, _ connection: Connection) {
        isCommitted = true
        decideFraming(isWhole: isWhole)
        decidePersistence(connection)
        connection.reserveOutput(256 + (isWhole ? body.count : 0))
        writeHead(to: connection)
        if isWhole, policy != .automatic || responseFields.mayContain.contains(.cacheControl) {
            driver.storeInCache(self)
        }
    }

    private func decideFraming(isWhole: Bool) {
        if isBodiless {
            framing = .none
        } else if declaredLength >= 0 {
            framing = .fixed
        } else if responseFields.mayContain.contains(.transferEncoding),
            responseFields.contains(id: .transferEncoding)
        {
            framing = .application
        } else if isWhole, trailerFields == nil || head.version == .http10 {
            // A HEAD whose handler wrote nothing does not say what a GET would have written.
            framing = head.method == .head && writtenLength == 0 ? .none : .fixed
        } else {
            framing = head.version == .http10 ? .close : .chunked
        }
    }

    private func decidePersistence(_ connection: Connection) {
        persists = persists && head.keepAlive && framing != .close && !closeRequested && !loop.isDraining
        if persists, responseFields.mayContain.contains(.connection) {
            let options = Array((responseFields[FieldID.connection] ?? "").utf8)
            persists = !FieldSyntax.listContains("close", in: options.span)
        }
        guard persists, !isContentAtEnd else { return }
        if head.expectsContinue, !hasSentContinue {
            persists = false
        } else if contentFraming == .fixed,
            contentRemaining - Int64(connection.inputCount) > loop.options.limits.maxDrainedBodySize
        {
            persists = false
        }
    }

    private func writeHead(to connection: Connection) {
        connection.output.appendStatusLine(status: status, reason: reason)
        let present = responseFields.mayContain
        var hasDate = false
        if present.intersects(Exchange.framingFields), present.contains(.connection) || isBodiless {
            writeFieldsWithoutFraming(to: connection)
        } else if !responseFields.isEmpty {
            connection.output.appendFields(responseFields)
            hasDate = present.contains(.date) || present.contains(.server)
        }
        switch framing {
        case .fixed where declaredLength < 0:
            connection.output.append("Content-Length: " as StaticString)
            connection.output.append(decimal: writtenLength)
            connection.output.append("\r\n" as StaticString)
        case .none where status == 205:
            connection.output.append("Content-Length: 0\r\n" as StaticString)
        case .chunked:
            connection.output.append("Transfer-Encoding: chunked\r\n" as StaticString)
        default: break
        }
        if status == 101 {
            connection.output.append("Connection: Upgrade\r\n" as StaticString)
        } else if !persists {
            connection.output.append("Connection: close\r\n" as StaticString)
        } else if head.version == .http10 {
            connection.output.append("Connection: keep-alive\r\n" as StaticString)
        }
        if hasDate {
            writeMissingCommonLines(to: connection)
        } else {
            connection.output.append(loop.commonLines())
        }
        connection.output.append("\r\n" as StaticString)
    }

    private static let framingFields = FieldIDSet(.connection, .contentLength)

    /// `Date` and `Server`, but for the one the application set itself.
    private func writeMissingCommonLines(to connection: Connection) {
        let lines = loop.commonLines()
        let dateLineByteCount = CommonResponseLines.dateOffset + CommonResponseLines.dateByteCount + 2
        if !responseFields.contains(id: .date) {
            connection.output.append(UnsafeRawBufferPointer(rebasing: lines[..<dateLineByteCount]))
        }
        if !responseFields.contains(id: .server) {
            connection.output.append(UnsafeRawBufferPointer(rebasing: lines[dateLineByteCount...]))
        }
    }

    /// The application's fields without `Connection`, which the engine decides (its other options stay), and
    /// without `Content-Length` where the status has none.
    private func writeFieldsWithoutFraming(to connection: Connection) {
        var fields = responseFields
        let options = (fields[FieldID.connection] ?? "").split(separator: ",").map { option in
            option.lowercased().filter { $0 != " " && $0 != "\t" }
        }.filter { $0 != "close" && $0 != "keep-alive" && $0 != "upgrade" }
        _ = fields.remove(name: "Connection")
        if isBodiless, status != 304 { _ = fields.remove(name: "Content-Length") }
        if !options.isEmpty { try? fields.append(id: .connection, value: options.joined(separator: ", ")) }
        let hasCommon = fields.contains(id: .date) || fields.contains(id: .server)
        if hasCommon {
            // Rare enough to be left to the application's values alone.
            _ = fields.remove(name: "Date")
            _ = fields.remove(name: "Server")
        }
        connection.output.appendFields(fields)
    }
}

extension Exchange: HTTPInterimResponseFeature {
    /// Sends an interim response.
    public func sendInterim(statusCode: Int, headers: FieldSection) throws {
        guard (102...199).contains(statusCode) else {
            throw HTTPResponseError(.invalidHead, "status \(statusCode)")
        }
        guard head.version != .http10, !isCommitted else { return }
        guard loop.ring.isCurrent else {
            postToLoop { try? $0.sendInterim(statusCode: statusCode, headers: headers) }
            return
        }
        guard let connection = driver?.connection else { return }
        connection.reserveOutput(256)
        connection.output.appendStatusLine(status: UInt16(statusCode), reason: nil)
        connection.output.appendFields(headers)
        connection.output.append("\r\n" as StaticString)
        connection.touch()
    }
}

extension Exchange: HTTPResponseTrailersFeature {
    /// Whether trailers can be sent.
    public var supportsTrailers: Bool { head.version != .http10 }
    /// The trailers.
    public var responseTrailers: FieldSection {
        get { trailerFields ?? FieldSection() }
        set { trailerFields = newValue }
    }
}

extension Exchange: HTTPResponseCachingFeature {
    /// The response's standing with the cache.
    public var cachePolicy: HTTPResponseCachePolicy {
        get { policy }
        set { policy = newValue }
    }
}

extension Exchange: HTTPMinResponseDataRateFeature {
    /// The slowest client tolerated.
    public var minResponseBytesPerSecond: Int {
        get { driver?.connection.minSendBytesPerSecond ?? 0 }
        set {
            guard loop.ring.isCurrent else {
                postToLoop { $0.minResponseBytesPerSecond = newValue }
                return
            }
            driver?.connection.minSendBytesPerSecond = max(0, newValue)
        }
    }
}
