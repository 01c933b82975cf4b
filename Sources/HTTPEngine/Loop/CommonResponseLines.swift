// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// `Date` and `Server` as field lines, made once a second.
///
/// Loop-affine.
struct CommonResponseLines {
    private var second: Int64 = -1
    // SAFETY: a block of 512 bytes, allocated here and freed by the loop that owns it, at its end.
    private let memory: UnsafeMutableRawPointer
    private var byteCount = 0
    private let server: [UInt8]
    private var date = HTTPDate(unixSeconds: 0)

    static let dateOffset = 6
    static let dateByteCount = 29

    init(server: String?) {
        memory = .allocate(byteCount: 512, alignment: 16)
        if let server {
            self.server = Array("Server: \(server)\r\n".utf8.prefix(400))
        } else {
            self.server = []
        }
    }

    func deallocate() { memory.deallocate() }

    /// `Date: …CRLF` and, where there is one, `Server: …CRLF`.
    @inline(__always)
    mutating func lines(at second: Int64) -> UnsafeRawBufferPointer {
        if second != self.second { render(second) }
        return UnsafeRawBufferPointer(start: memory, count: byteCount)
    }

    /// The date alone, 29 bytes.
    @inline(__always)
    mutating func date(at second: Int64) -> UnsafeRawBufferPointer {
        if second != self.second { render(second) }
        return UnsafeRawBufferPointer(
            start: memory + CommonResponseLines.dateOffset,
            count: CommonResponseLines.dateByteCount
        )
    }

    /// The date as a value of its own.
    @inline(__always)
    mutating func httpDate(at second: Int64) -> HTTPDate {
        if second != self.second { render(second) }
        return date
    }

    @inline(never)
    private mutating func render(_ second: Int64) {
        self.second = second
        date = HTTPDate(unixSeconds: second)
        var buffer = OutputBuffer(capacity: 512)
        buffer.appendDate(date)
        server.withUnsafeBytes { buffer.append($0) }
        byteCount = buffer.count
        buffer.withUnsafeBytes {
            memory.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
        }
    }
}
