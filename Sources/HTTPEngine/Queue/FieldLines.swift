// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// Field lines between processes: as HTTP/1.1 writes them, read again with every check.
enum FieldLines {
    /// Reads lines, each with its CRLF, into a section.
    ///
    /// - Returns: whether all of them are valid; what was read before the first that is not stays.
    static func read(_ lines: UnsafeRawBufferPointer, into section: inout FieldSection) -> Bool {
        // SAFETY: the bytes are a private copy that stays in place during this call.
        let bytes = Span(_unsafeElements: lines.bindMemory(to: UInt8.self))
        var start = 0
        while start < bytes.count {
            var colon = start
            while colon < bytes.count, bytes[colon] != 0x3A { colon += 1 }
            var end = colon
            while end < bytes.count, bytes[end] != 0x0D { end += 1 }
            guard end + 1 < bytes.count, bytes[end + 1] == 0x0A, colon < end else { return false }
            let name = bytes.extracting(start..<colon)
            let value = bytes.extracting(colon + 1..<end)
            guard (try? section.append(name: name, value: value)) != nil else { return false }
            start = end + 2
        }
        return true
    }
}

/// Why a worker gives a request up, as a record holds it.
enum QueueReset {
    /// The connection, or stream, is to end so that the client sees a failure.
    static let abort: UInt32 = 0
    /// The bit of codes whose other bits are an error code of the client's protocol.
    static let stream: UInt32 = 1 << 31
    /// The worker did not take the request.
    static let refused: UInt32 = 503
    /// The worker could not send its response.
    static let failed: UInt32 = 500
}

/// Cache policies by number, as a record holds them.
enum CachePolicyNumber {
    static func encode(_ policy: HTTPResponseCachePolicy) -> (UInt8, UInt32) {
        switch policy {
        case .automatic: (0, 0)
        case .disabled: (1, 0)
        case .userInvalidates: (2, 0)
        case .timeToLive(let duration): (3, UInt32(clamping: duration.components.seconds))
        }
    }

    static func decode(_ number: UInt8, seconds: UInt32) -> HTTPResponseCachePolicy? {
        switch number {
        case 0: .automatic
        case 1: .disabled
        case 2: .userInvalidates
        case 3: .timeToLive(.seconds(Int64(seconds)))
        default: nil
        }
    }
}
