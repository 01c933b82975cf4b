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
            ? try writeShared(bytes) : try bytes.withUnsafeBytes { try append($0) }
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
        driver?.touchOutput()
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
        guard try admit(Int64(bytes.count)), let driver else { return false }
        if isCommitted || declaredLength > writtenLength || wholeBody != nil, bytes.count >= 4096 {
            pump()
            driver.write(bytes, of: self)
        } else {
            body.append(bytes)
            driver.contentGathered(self)
            if body.count > responseBufferByteCountMax { pump() }
        }
        return driver.unsentByteCount + body.count > responseBufferByteCountMax
    }

    /// Writes an array by reference, without a copy.
    private func writeShared(_ bytes: [UInt8]) throws -> Bool {
        guard try admit(Int64(bytes.count)), let driver else { return false }
        if !isCommitted, body.count == 0, wholeBody == nil {
            // It may be all of the content, and then its length is known: see what comes next.
            wholeBody = bytes
            driver.contentGathered(self)
            return false
        }
        pump()
        driver.write(bytes, of: self)
        return driver.unsentByteCount > responseBufferByteCountMax
    }

    /// Moves what was written to the driver's output; commits the head first.
    func pump() {
        guard let driver, hasStartedResponse, !isComplete else { return }
        if !isCommitted { commit(isWhole: false) }
        writeGathered(driver)
    }

    /// Hands the gathered content to the driver.
    private func writeGathered(_ driver: any ExchangeDriver) {
        if let whole = wholeBody.take() { driver.write(whole, of: self) }
        guard body.count > 0 else { return }
        body.withUnsafeBytes { driver.write($0, of: self) }
        body.removeAll()
    }

    /// Whether the status rules out content (RFC 9110 §6.4.1).
    var isBodiless: Bool { status == 204 || status == 304 || status == 205 || status < 200 }

    /// Waits until no more than so many bytes are unsent, or the connection has ended.
    func waitForOutput(below byteCount: Int) async throws {
        while let driver, driver.unsentByteCount + body.count > byteCount {
            pump()
            driver.touchOutput()
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
            driver.endUpgraded(self)
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

    /// Ends the message: the rest of the content, and what the framing puts behind it.
    private func finishResponse() throws {
        guard !isComplete, let driver else { return }
        if declaredLength >= 0, writtenLength < declaredLength, head.method != .head, !isBodiless {
            throw HTTPResponseError(.contentLengthNotReached, "\(writtenLength) of \(declaredLength)")
        }
        if !isCommitted {
            isCommitted = true
            driver.writeHead(of: self, isWhole: true)
        }
        writeGathered(driver)
        isComplete = true
        driver.writeEnd(of: self)
    }

    /// Answers for an error that left the handler.
    private func fail(_ error: any Error) {
        loop.engine.report(.handlerFailed(error: error, request: traceIdentifier))
        guard !isCommitted, driver != nil else {
            // Part of the response is out; only the end of the connection tells the client that it is not whole.
            self.driver?.abort(self)
            return
        }
        var code = 500
        var fields = FieldSection()
        if let bad = error as? BadHTTPRequestError, (400...599).contains(bad.statusCode) {
            code = bad.statusCode
            fields = bad.fields
        }
        let persisted = persists
        resetResponse()
        persists = persisted && contentError == nil && code != 413
        status = UInt16(code)
        for id in [FieldID.contentType, .contentLength, .transferEncoding] { fields.remove(id: id) }
        responseFields.append(contentsOf: fields)
        responseFields.append(id: .contentType, literal: "text/plain")
        hasStartedResponse = true
        if head.method != .head {
            body.append(ReasonPhrase.standard(for: status))
            body.append("\n" as StaticString)
        }
        writtenLength = Int64(body.count)
        try? finishResponse()
    }

    /// Decides the framing and writes the head.
    ///
    /// Once for a response.
    func commit(isWhole: Bool) {
        guard !isCommitted, let driver else { return }
        isCommitted = true
        driver.writeHead(of: self, isWhole: isWhole)
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
        driver?.writeInterim(statusCode, headers, of: self)
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
        get {
            // Another thread must not ask the driver, which is the loop's.
            loop.ring.isCurrent
                ? driver?.minSendBytesPerSecond ?? 0 : target?.minSendBytesPerSecond ?? 0
        }
        set {
            guard loop.ring.isCurrent else {
                postToLoop { $0.minResponseBytesPerSecond = newValue }
                return
            }
            driver?.minSendBytesPerSecond = max(0, newValue)
        }
    }
}
