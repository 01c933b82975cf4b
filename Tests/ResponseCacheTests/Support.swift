// SPDX-License-Identifier: Apache-2.0
import Foundation

@testable import ResponseCache

/// Reads the data files that tests are driven by.
enum Corpus {
    /// The rows of a tab-separated file, without comments and empty lines.
    static func rows(_ name: String) -> [[String]] {
        guard let url = Bundle.module.url(forResource: "Corpus/\(name)", withExtension: nil),
            let text = try? String(contentsOf: url, encoding: .utf8)
        else { preconditionFailure("the test data \(name) is there") }
        return text.split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
            .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }
}

extension CacheKey {
    /// A key on `http://h:80`.
    init(_ target: String, host: String = "h") {
        self.init(isSecure: false, port: 80, host: host, target: target)
    }
}

extension CacheEntry {
    /// An entry with the least of a head, made at 0.
    static func sample(
        _ key: CacheKey,
        queueID: UInt64 = 1,
        urlGroupID: UInt64 = 1,
        coding: ContentCoding = .identity,
        bodyByteCount: Int = 0,
        headPadding: Int = 0,
        lifetime: CacheLifetime = .untilFlushed,
        now: Int64 = 0
    ) -> CacheEntry {
        var parts = CacheEntryParts()
        parts.bytes = Array("HTTP/1.1 200 OK\r\n".utf8)
        parts.bytes += Array("X: \(String(repeating: "x", count: headPadding))\r\n".utf8)
        parts.bytes += Array("Content-Length: \(bodyByteCount)\r\nDate: ".utf8)
        parts.dateOffset = parts.bytes.count
        parts.bytes += Array("Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n".utf8)
        parts.headByteCount = parts.bytes.count
        parts.bytes += Array(repeating: UInt8(ascii: "b"), count: bodyByteCount)
        parts.coding = coding
        return CacheEntry(
            key: key,
            owner: CacheOwner(queueID: queueID, urlGroupID: urlGroupID),
            parts: parts,
            policy: .userInvalidates,
            lifetime: lifetime,
            now: now,
            wallClock: 784_111_777
        )
    }
}

/// Nanoseconds in a second.
let second: Int64 = 1_000_000_000

/// A small generator with a seed, so that a failing run can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
