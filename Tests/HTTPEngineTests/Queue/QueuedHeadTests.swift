// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import QueueTransport
import Testing
import URLPrefixes

@testable import HTTPEngine

/// A record of a request as a service would write it that lies.
struct ForgedRequest: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var head: [UInt8] = ForgedRequest.fields(ForgedRequest.valid)
    var extra: [UInt8] = []
    var flags: QueuedRequest.Flags = .isHTTP2
    var isAccepted = false

    static let valid = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")]

    static func fields(_ pairs: [(String, String)]) -> [UInt8] {
        pairs.reduce(into: []) { bytes, pair in
            bytes += word(pair.0.utf8.count) + word(pair.1.utf8.count) + pair.0.utf8 + pair.1.utf8
        }
    }

    static func word(_ value: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: value)) { Array($0) }
    }

    static let facts = TLSFacts(
        version: "TLSv1.3",
        cipherSuite: "TLS_AES_128_GCM_SHA256",
        serverName: "localhost",
        applicationProtocol: "h2",
        certificates: [[1, 2, 3], [4, 5]]
    ).record

    static let all: [ForgedRequest] = [
        ForgedRequest(testDescription: "an honest one", isAccepted: true),
        ForgedRequest(
            testDescription: "honest facts",
            extra: facts,
            flags: [.isHTTP2, .isSecure],
            isAccepted: true
        ),
        ForgedRequest(testDescription: "no head", head: []),
        ForgedRequest(testDescription: "half a length", head: [1, 0, 0, 0, 1]),
        ForgedRequest(testDescription: "a name past the end", head: word(9) + word(0)),
        ForgedRequest(testDescription: "a value past the end", head: word(0) + word(1)),
        ForgedRequest(testDescription: "lengths that wrap", head: word(-1) + word(-1) + [0]),
        ForgedRequest(testDescription: "no path", head: fields(Array(valid[..<3]))),
        ForgedRequest(testDescription: "a space in a name", head: fields(valid + [("a b", "")])),
        ForgedRequest(testDescription: "a line feed in a value", head: fields(valid + [("a", "b\nc: d")])),
        ForgedRequest(testDescription: "a connection field", head: fields(valid + [("connection", "x")])),
        ForgedRequest(
            testDescription: "content of a length and none",
            head: fields(valid + [("content-length", "5")])
        ),
        ForgedRequest(testDescription: "HTTP/1.1 in pairs", flags: []),
        ForgedRequest(
            testDescription: "lines for HTTP/2",
            head: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        ),
        ForgedRequest(testDescription: "facts of cleartext", extra: facts),
        ForgedRequest(testDescription: "half a fact", extra: [1, 0, 0], flags: [.isHTTP2, .isSecure]),
        ForgedRequest(
            testDescription: "a fact past the end",
            extra: word(5) + [0],
            flags: [.isHTTP2, .isSecure]
        ),
        ForgedRequest(
            testDescription: "too few facts",
            extra: word(0) + word(0),
            flags: [.isHTTP2, .isSecure]
        ),
        ForgedRequest(
            testDescription: "facts without end",
            extra: [UInt8](repeating: 0, count: 4000),
            flags: [.isHTTP2, .isSecure]
        ),
    ]
}

extension EngineSuites {
    @Suite("requests of HTTP/2 and facts about TLS between processes")
    struct QueuedHeads {
        @Test("Facts pass as they are; certificates that do not fit are left out from the root on")
        func facts() throws {
            let leaf = [UInt8](repeating: 1, count: 1000)
            let large = [UInt8](repeating: 2, count: TLSFacts.recordBytesMax)
            for (chain, passed) in [([], []), ([leaf, leaf], [leaf, leaf]), ([leaf, large], [leaf])] {
                let facts = TLSFacts(
                    version: "TLSv1.3",
                    cipherSuite: "",
                    serverName: "ex\u{e4}mple",
                    applicationProtocol: "h2",
                    certificates: chain
                )
                #expect(facts.record.count <= TLSFacts.recordBytesMax)
                let read = facts.record.withUnsafeBytes { TLSFacts(record: $0) }
                #expect(read?.version == "TLSv1.3" && read?.cipherSuite == "")
                #expect(read?.serverName == "ex\u{e4}mple" && read?.applicationProtocol == "h2")
                #expect(read?.certificates == passed)
            }
        }

        @Test("A worker ends the queue of a service that lies about a request", arguments: ForgedRequest.all)
        func forged(_ forged: ForgedRequest) async throws {
            var options = EngineOptions()
            options.loopCount = 1
            let notes = Notes()
            let pair = try QueuePair(options, scheduling: .loop, events: notes, NotingConsumer(notes: notes))
            let prefix = try URLPrefix("http://a:80/")
            let group = URLGroup(session: ServerSession(), queue: pair.workerQueue, maxRequestBodySize: nil)
            let number = QueueRegistration.number(of: prefix)
            var descriptors: QueueDescriptors?
            let service = try ServiceEnd(worker: &descriptors)
            guard let passed = descriptors.take() else { throw HandlerFailure() }
            try await pair.worker.serveQueue(
                passed,
                registrations: [number: QueueRegistration(prefix: prefix, group: group)],
                onEnd: { violation in notes.add("violation \(violation?.code.description ?? "none")") }
            )
            let hasCredit = eventually {
                try? service.receive { _ in }
                service.publish()
                return service.credit > 0
            }
            try #require(hasCredit)
            var request = QueuedRequest()
            request.registration = number
            request.flags = forged.flags
            var id = RequestID(rawValue: 0)
            let outcome = forged.head.withUnsafeBytes { head in
                forged.extra.withUnsafeBytes { extra in
                    request.head = head
                    request.extra = extra
                    return service.send(request, id: &id)
                }
            }
            #expect(outcome == .sent)
            service.publish()
            #expect(eventually { !notes.all.isEmpty })
            #expect(notes.all == [forged.isAccepted ? "HTTP/2" : "violation field"])
            await pair.stop()
        }
    }
}

/// Notes the version of each request.
private final class NotingConsumer: RequestConsumer {
    private let notes: Notes

    init(notes: Notes) { self.notes = notes }

    func consume(_ exchange: Exchange) async {
        notes.add(exchange.protocolVersion)
        await exchange.finishHandler(nil)
    }
}
