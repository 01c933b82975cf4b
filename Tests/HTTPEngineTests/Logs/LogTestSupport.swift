// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPWire
import Synchronization
import Testing

@testable import HTTPEngine

/// 2026-11-22 17:28:31 UTC.
let noon: Int64 = 1_795_368_511_000_000_000

/// A ring with its shared part, and a doorbell of its own.
struct RingUnderTest {
    let memory: LogRingMemory
    let ring: LogRing
    let doorbell: LogDoorbell

    init(capacity: Int) throws {
        memory = LogRingMemory(capacity: capacity)
        doorbell = try LogDoorbell()
        ring = LogRing(memory: memory, doorbell: doorbell, isErrorLogged: true, isAccessLogged: true)
    }
}

/// Keeps lines for a test; any thread.
final class LineCollector: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func append(_ line: String) { lines.withLock { $0.append(line) } }
}

/// A directory that is removed with its files.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "httpring-logs-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

    func lines(_ name: String) throws -> [String] {
        let text = try String(contentsOfFile: path + "/" + name, encoding: .utf8)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
}

/// The rows of a corpus file: columns between `|`, trimmed; `#` begins a comment.
func corpusRows(_ name: String) throws -> [[String]] {
    let bundle = Bundle.module
    let url = try #require(bundle.url(forResource: name, withExtension: "txt", subdirectory: "LogCorpus"))
    return try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        .filter { !$0.hasPrefix("#") }
        .map { line in
            line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
}

/// Bytes from hexadecimal with or without spaces.
func bytes(hex: String) -> [UInt8] {
    let digits = Array(hex.filter { $0 != " " })
    return stride(from: 0, to: digits.count, by: 2).compactMap { index in
        UInt8(String(digits[index...index + 1]), radix: 16)
    }
}

/// What `write` appends, as a string.
func text(_ write: (inout LogText) -> Void) -> String {
    var text = LogText(capacity: LogTextLimit.lineBytes)
    write(&text)
    return String(decoding: text.bytes, as: UTF8.self)
}

extension LogRing {
    func error(_ record: ErrorLogRecord, _ method: String, _ uri: String, _ queueName: String) {
        error(
            record,
            method: Array(method.utf8).span,
            uri: Array(uri.utf8).span,
            queueName: Array(queueName.utf8).span
        )
    }

    func access(
        _ record: AccessLogRecord,
        _ method: String,
        _ uri: String,
        user: String = "",
        host: String = "",
        userAgent: String = "",
        referer: String = ""
    ) {
        access(
            record,
            method: Array(method.utf8).span,
            uri: Array(uri.utf8).span,
            user: Array(user.utf8).span,
            host: Array(host.utf8).span,
            userAgent: Array(userAgent.utf8).span,
            referer: Array(referer.utf8).span
        )
    }
}

/// An error record with nothing but a time, a reason and a number to know it by.
func sampleError(_ siteID: UInt64 = 0, time: Int64 = noon) -> ErrorLogRecord {
    ErrorLogRecord(
        time: time,
        client: LogAddress(ipv4: 0xC000_0207, port: 51034),
        server: LogAddress(ipv4: 0xC000_0201, port: 80),
        reason: .queueFull,
        status: 503,
        version: LogVersion(.http11),
        siteID: siteID
    )
}

/// An access record with a number to know it by.
func sampleAccess(_ siteID: UInt64 = 0, time: Int64 = noon) -> AccessLogRecord {
    AccessLogRecord(
        time: time,
        client: LogAddress(ipv4: 0xC000_0207, port: 51034),
        server: LogAddress(ipv4: 0xC000_0201, port: 80),
        status: 200,
        version: LogVersion(.http11),
        bytesSent: 1234,
        bytesReceived: 456,
        durationMicroseconds: 12_999,
        siteID: siteID
    )
}
