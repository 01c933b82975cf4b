// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import IORing

@Suite("Reads from the page cache")
struct CachedFileTests {
    @Test(
        "What was just written is read without waiting; the end of the file gives 0, a bad descriptor its errno"
    )
    func read() throws {
        let path = "/tmp/ioring-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer {
            close(file)
            unlink(path)
        }
        let bytes = pattern(5000)
        #expect(write(file, bytes, bytes.count) == bytes.count)
        var memory = [UInt8](repeating: 0, count: 1000)
        let count = memory.withUnsafeMutableBytes { CachedFile.read(file, $0, 4500) }
        #expect(count == 500)
        #expect(Array(memory.prefix(500)) == Array(bytes.suffix(500)))
        #expect(memory.withUnsafeMutableBytes { CachedFile.read(file, $0, 5000) } == 0)
        #expect(memory.withUnsafeMutableBytes { CachedFile.read(-1, $0, 0) } == -Int(EBADF))
    }

    @Test("The processors that may be used are listed in order, and there is one at least")
    func processors() {
        let usable = Processors.usable
        #expect(!usable.isEmpty)
        #expect(usable == usable.sorted())
    }
}
