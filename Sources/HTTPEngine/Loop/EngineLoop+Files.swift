// SPDX-License-Identifier: Apache-2.0

import IORing

extension EngineLoop {
    /// Reads a file through the ring.
    ///
    /// Not cancellable: the memory is the kernel's until it has finished.
    ///
    /// - Returns: bytes read, or a negative errno.
    func readFile(_ descriptor: Int32, into memory: UnsafeMutableRawPointer, byteCount: Int, offset: Int64)
        async -> Int32
    {
        let slot = fileReads.firstIndex { $0 == nil } ?? fileReads.count
        return await withUnsafeContinuation { continuation in
            if slot == fileReads.count {
                fileReads.append(continuation)
            } else {
                fileReads[slot] = continuation
            }
            let token = Token(kind: TokenKind.file.rawValue, generation: 0, slot: UInt32(slot))
            ring.read(file: descriptor, into: memory, count: byteCount, offset: offset, token: token)
        }
    }

    /// A read has ended.
    func fileReadCompleted(_ completion: Completion) {
        let slot = Int(completion.token.slot)
        guard slot < fileReads.count, let continuation = fileReads[slot] else { return }
        fileReads[slot] = nil
        continuation.resume(returning: completion.result)
    }
}
