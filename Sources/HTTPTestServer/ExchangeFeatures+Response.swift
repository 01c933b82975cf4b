// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension ExchangeFeatures: HTTPResponseFeature {
    var hasStarted: Bool { progress >= .starting }

    func onStarting(_ action: @escaping () throws -> Void) throws {
        guard progress == .notStarted else { throw HTTPResponseError(.alreadyStarted) }
        startingActions.append(action)
    }

    func onCompleted(_ action: @escaping () -> Void) { completedActions.append(action) }

    /// Runs what waits for the start, last registered first, then fixes status and fields.
    ///
    /// Tried once: where an action throws, status and fields are fixed as they are.
    func beginResponse() throws {
        guard progress == .notStarted else { return }
        progress = .starting
        defer { fixHead() }
        while let action = startingActions.popLast() { try action() }
        guard statusCode != 101 || isUpgradableRequest else {
            throw HTTPResponseError(.invalidHead, "101 without an upgrade")
        }
    }

    private func fixHead() {
        progress = .started
        fixed.statusCode = statusCode
        fixed.reasonPhrase = reasonPhrase
        fixed.headers = responseHeaders
        fixed.declaredByteCount = responseHeaders[.contentLength].flatMap {
            FieldSyntax.decimal($0.utf8.span)
        }
    }

    // MARK: the end of the handler

    /// Completes a response after the application has returned.
    func finish() throws {
        guard !isAborted, !isUpgraded, progress < .complete else { return }
        try beginResponse()
        if !isHead, !fixed.hasNoContent, let declared = fixed.declaredByteCount, contentByteCount < declared {
            throw HTTPResponseError(.contentLengthNotReached, "\(contentByteCount) of \(declared)")
        }
        if progress < .headSent { sendHead(isLast: true) }
        sendGathered()
        endResponse()
    }

    /// Answers for an application that failed: with a status where nothing has left, else by an abort.
    ///
    /// Status and fields are a `BadHTTPRequestError`'s own, else 500; nothing the application set or wrote is sent, and
    /// the content is the reason phrase. Source: the outcome table of HTTP.sys's request processing.
    func fail(_ error: any Error) {
        failure = String(describing: error)
        guard !isAborted, progress < .complete else { return }
        guard progress < .headSent else {
            abort()
            return
        }
        let bad = error as? BadHTTPRequestError
        responseHeaders = bad?.fields ?? FieldSection()
        for id in [FieldID.contentType, .contentLength, .transferEncoding] { responseHeaders.remove(id: id) }
        responseHeaders.append(id: .contentType, literal: "text/plain")
        responseTrailers = FieldSection()
        progress = .notStarted
        let code = bad?.statusCode ?? 500
        statusCode = (400...599).contains(code) ? code : 500
        reasonPhrase = nil
        fixHead()
        gathered = Array("\(ReasonPhrase.standard(for: UInt16(statusCode)))\n".utf8)
        sendHead(isLast: true)
        sendGathered()
        endResponse()
    }

    /// Runs what waits for the end, last registered first.
    func runCompletedActions() {
        while let action = completedActions.popLast() { action() }
    }

    func endUpgrade() {
        guard progress < .complete else { return }
        progress = .complete
        transport.deliver(.end(trailers: FieldSection()))
    }

    func endResponse() {
        progress = .complete
        if !isAtEnd, !drainsUnreadContent { keepsConnection = false }
        transport.deliver(.end(trailers: framing == .chunked ? responseTrailers : FieldSection()))
    }

    /// Whether what the application left unread is read and thrown away, so that the connection can go on.
    ///
    /// Content that a waiting client was never asked for is not.
    private var drainsUnreadContent: Bool {
        bodyFailure == nil && !(head.expectsContinue && !isContinueSent) && transport.hasArrivedEnd
            && transport.unreadRequestByteCount <= options.unreadByteCountMax
    }
}
