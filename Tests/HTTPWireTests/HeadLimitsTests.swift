// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Limits of a head")
struct HeadLimitsTests {
    /// A head whose part under test has a given size, and the refusal that the limit gives.
    private func expectLimit(
        _ refusal: Refusal,
        at limit: Int,
        _ limits: HeadLimits,
        _ make: (Int) -> String
    ) {
        for count in [limit - 1, limit] {
            let message = make(count)
            let outcome = RequestHead.parsing(message, limits: limits).outcome
            #expect(outcome == .complete(byteCount: message.utf8.count), "\(refusal) at \(count)")
        }
        let message = Array(make(limit + 1).utf8)
        var head = RequestHead()
        let outcome = head.parse(message, limits: limits)
        guard case .refused(refusal, _) = outcome else {
            Issue.record("\(outcome) in place of \(refusal)")
            return
        }
        // Judged without the rest of the line, at the same place, and not before.
        var firstDecision: Int?
        for end in 0..<message.count {
            let partial = head.parse(Array(message[0..<end]), limits: limits)
            if partial != .incomplete {
                firstDecision = firstDecision ?? end
                #expect(partial == outcome)
            }
        }
        #expect(firstDecision != nil || refusal == .headTooLarge)
    }

    @Test("A target over its limit is 414 (RFC 9112 §3)")
    func target() {
        let limits = HeadLimits(targetBytesMax: 40)
        expectLimit(.targetTooLong, at: 40, limits) { count in
            "GET /\(String(repeating: "a", count: count - 1)) HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        expectLimit(.targetTooLong, at: 40, limits) { count in
            "GET /?\(String(repeating: "a", count: count - 2)) HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        expectLimit(.targetTooLong, at: 40, limits) { count in
            "GET http://a/\(String(repeating: "b", count: count - 9)) HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        expectLimit(.targetTooLong, at: 40, limits) { count in
            "GET /\(String(repeating: "a", count: count - 4))%41 HTTP/1.1\r\nHost: a\r\n\r\n"
        }
    }

    @Test("A target that goes on at the head's limit is 414, one that ends before is not (RFC 9112 §3)")
    func targetAtHeadLimit() {
        for targetBytesMax in [99, 100, 101, 8192] {
            let limits = HeadLimits(headBytesMax: 100, targetBytesMax: targetBytesMax)
            for start in ["GET /", "GET /?", "GET /%41", "GET http://a/", "OPTIONS *"] {
                let line = start + String(repeating: "b", count: 9000)
                let message = Array("\(line) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                var head = RequestHead()
                guard case .refused(.targetTooLong, let offset) = head.parse(message, limits: limits) else {
                    Issue.record("\(start) with \(targetBytesMax): \(head.parse(message, limits: limits))")
                    continue
                }
                for end in 0..<200 {
                    let outcome = head.parse(Array(message[..<end]), limits: limits)
                    #expect(outcome == (end < offset ? .incomplete : .refused(.targetTooLong, at: offset)))
                }
            }
            for count in 80...95 {
                let target = "/" + String(repeating: "c", count: count - 1)
                let message = "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n"
                let outcome = RequestHead.parsing(message, limits: limits).outcome
                #expect(outcome == .refused(.headTooLarge, at: 100), "\(count) with \(targetBytesMax)")
            }
        }
    }

    @Test("A field line over its limit is 431 (RFC 6585 §5)")
    func field() {
        let limits = HeadLimits(fieldBytesMax: 50)
        expectLimit(.fieldTooLarge, at: 50, limits) { count in
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: count - 3))\r\n\r\n"
        }
        expectLimit(.fieldTooLarge, at: 50, limits) { count in
            "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "a", count: count - 1)):\r\n\r\n"
        }
        expectLimit(.fieldTooLarge, at: 50, limits) { count in
            "GET / HTTP/1.1\r\nHost: a\r\nX:\(String(repeating: " ", count: count - 2))\r\n\r\n"
        }
    }

    @Test("A head over its limit is 431, though its lines are not")
    func head() {
        let limits = HeadLimits(headBytesMax: 200)
        expectLimit(.headTooLarge, at: 200, limits) { count in
            let start = "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "v", count: 100))\r\nY: "
            return start + String(repeating: "w", count: count - start.utf8.count - 4) + "\r\n\r\n"
        }
    }

    @Test("More field lines than the limit are 431")
    func fieldCount() {
        expectLimit(.tooManyFields, at: 10, HeadLimits(fieldCountMax: 10)) { count in
            "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: count - 1) + "\r\n"
        }
    }

    @Test("A method over its limit is 501 (RFC 9112 §3)")
    func method() {
        expectLimit(.methodTooLong, at: 12, HeadLimits(methodBytesMax: 12)) { count in
            "\(String(repeating: "M", count: count)) / HTTP/1.1\r\nHost: a\r\n\r\n"
        }
        let (_, outcome) = RequestHead.parsing("GET / HTTP/1.1\r\n", limits: HeadLimits(methodBytesMax: 2))
        #expect(outcome == .refused(.methodTooLong, at: 3))
    }

    @Test("Small limits of every kind never make the parts of one parse disagree")
    func smallLimits() {
        let message = Array(
            "\r\nPOST /a%20b?c HTTP/1.1\r\nHost: ab\r\nContent-Length: 3\r\nX : y\r\n\r\n".utf8
        )
        for size in 1...60 {
            let all = [
                HeadLimits(headBytesMax: size), HeadLimits(targetBytesMax: size),
                HeadLimits(fieldCountMax: size / 16),
                HeadLimits(fieldBytesMax: size), HeadLimits(methodBytesMax: size),
            ]
            for limits in all {
                var head = RequestHead()
                let whole = head.parse(message, limits: limits)
                for end in 0..<message.count {
                    let partial = head.parse(Array(message[0..<end]), limits: limits)
                    #expect(partial == .incomplete || partial == whole, "\(limits) at \(end)")
                }
            }
        }
    }
}
