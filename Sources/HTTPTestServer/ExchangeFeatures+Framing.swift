// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

extension ExchangeFeatures {
    var isHead: Bool { head.method == .head }

    /// Lets the head leave, with what the server adds to it.
    ///
    /// - Parameter isLast: whether the whole content is in `gathered`, so that its length is known.
    func sendHead(isLast: Bool) {
        framing = decideFraming(isLast: isLast)
        decidePersistence()
        progress = .headSent
        var fields = fixed.headers
        if !fields.contains(id: .date) {
            try? fields.append(id: .date, value: HTTPDate(unixSeconds: options.unixSeconds()).text)
        }
        if let server = options.serverHeader, !fields.contains(id: .server) {
            try? fields.append(id: .server, value: server)
        }
        addFraming(to: &fields, isLast: isLast)
        addConnection(to: &fields)
        let reason = fixed.reasonPhrase ?? ReasonPhrase.standard(for: UInt16(fixed.statusCode)).description
        transport.deliver(
            .head(TestResponseHead(statusCode: fixed.statusCode, reasonPhrase: reason, headers: fields))
        )
    }

    /// The framing decision of HTTP.sys (made once): own length, known length, chunked, end of connection.
    private func decideFraming(isLast: Bool) -> ResponseFraming {
        if fixed.hasNoContent { return .none }
        if let declared = fixed.declaredByteCount { return .length(declared) }
        if fixed.headers.contains(id: .transferEncoding) { return .application }
        let hasTrailers = !responseTrailers.isEmpty && supportsTrailers
        if isLast, !hasTrailers { return .length(Int64(gathered.count)) }
        return head.version == .http10 ? .untilClose : .chunked
    }

    private func decidePersistence() {
        let closes = fixed.headers.values(of: .connection).contains { value in
            value.split(separator: ",").contains { $0.trimmingSpaces().lowercased() == "close" }
        }
        if closes || isCloseRequested || framing == .untilClose { keepsConnection = false }
        if !isAtEnd, bodyFailure != nil || (head.expectsContinue && !isContinueSent) {
            keepsConnection = false
        }
    }

    private func addFraming(to fields: inout FieldSection, isLast: Bool) {
        switch framing {
        case .undecided, .untilClose, .application:
            fields.remove(id: .contentLength)
        case .none:
            fields.remove(id: .transferEncoding)
            if fixed.statusCode == 205 {
                fields.set(id: .contentLength, decimal: 0)
            } else if fixed.statusCode != 304 {
                fields.remove(id: .contentLength)
            }
        case .length(let byteCount):
            // A HEAD handler that wrote nothing knows no length: none is better than a wrong one.
            let isUnknown = isHead && isLast && byteCount == 0 && fixed.declaredByteCount == nil
            if !isUnknown { fields.set(id: .contentLength, decimal: byteCount) }
        case .chunked:
            fields.remove(id: .contentLength)
            try? fields.set(id: .transferEncoding, value: "chunked")
        }
    }

    private func addConnection(to fields: inout FieldSection) {
        guard !isUpgraded, fixed.statusCode != 101 else { return }
        // RFC 9110 §7.8: who sends Upgrade also sends the option.
        if fields.contains(id: .upgrade) {
            let persistence = !keepsConnection ? ", close" : head.version == .http10 ? ", keep-alive" : ""
            try? fields.set(id: .connection, value: "Upgrade" + persistence)
        } else if !keepsConnection {
            try? fields.set(id: .connection, value: "close")
        } else if head.version == .http10, !fields.contains(id: .connection) {
            try? fields.append(id: .connection, value: "keep-alive")
        }
    }

    /// Lets what was written leave, the head first.
    func releaseGathered() {
        guard !isAborted, progress == .headSent || (progress == .started && !gathered.isEmpty) else { return }
        if progress == .started { sendHead(isLast: false) }
        sendGathered()
    }

    func sendGathered() {
        guard !gathered.isEmpty else { return }
        let bytes = gathered
        gathered = []
        if framing != .none, !isHead { transport.deliver(.content(bytes)) }
    }
}

extension Substring {
    /// Without spaces and tabs at both ends.
    fileprivate func trimmingSpaces() -> Substring {
        var rest = self
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
