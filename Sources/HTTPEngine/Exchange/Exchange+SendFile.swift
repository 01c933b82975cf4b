// SPDX-License-Identifier: Apache-2.0

import Glibc
public import HTTPFeatures
import HTTPWire
import IORing
import ResponseCache

extension Exchange: HTTPSendFileFeature {
    /// Sends part of a file by name.
    public func sendFile(_ path: String, offset: Int64, byteCount: Int64?) async throws {
        guard loop.ring.isCurrent else {
            return try await onLoop { try await $0.sendFile(path, offset: offset, byteCount: byteCount) }
        }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw HTTPResponseError(.fileUnavailable, "errno \(errno)") }
        defer { Glibc.close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw HTTPResponseError(.fileUnavailable, "not a regular file")
        }
        let size = Int64(facts.st_size)
        let count = byteCount ?? max(0, size - offset)
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            throw HTTPResponseError(.fileUnavailable, "the range lies outside the file")
        }
        try await sendFile(descriptor: descriptor, offset: offset, byteCount: count)
    }

    /// Sends part of an open file.
    ///
    /// What lies in the page cache is read into the connection's output on the spot; what does not is read by
    /// the ring, so that a slow disk holds up nobody else. In a process that answers for the service the file itself
    /// goes there, which does the same.
    public func sendFile(descriptor: Int32, offset: Int64, byteCount: Int64) async throws {
        guard loop.ring.isCurrent else {
            return try await onLoop {
                try await $0.sendFile(descriptor: descriptor, offset: offset, byteCount: byteCount)
            }
        }
        guard try beginFile(byteCount) else { return }
        if byteCount >= Exchange.passedFileByteCountMin, !mayBeStored(byteCount),
            driver?.passFile(descriptor, offset: offset, byteCount: byteCount) ?? false
        {
            return try await waitForOutput(below: 0)
        }
        try await sendRest(descriptor, offset: offset, byteCount: byteCount)
    }

    /// Sends part of a file that has been counted into the response.
    func sendRest(
        _ descriptor: Int32,
        offset: Int64,
        byteCount: Int64,
        isPassed: Bool = false
    ) async throws {
        var offset = offset
        var remaining = byteCount
        while remaining > 0, driver != nil {
            let direct = sendDirectly(descriptor, offset, remaining, isPassed: isPassed)
            offset += Int64(direct)
            remaining -= Int64(direct)
            guard remaining > 0 else { return }
            // After a direct piece the socket is full, or it is another connection's turn: a small one goes through
            // the ring as soon as there is ample room, and the next direct piece finds that room.
            if direct > 0 { driver?.directOutput(of: self)?.awaitsRoom = true }
            let piece = direct > 0 ? Exchange.pacingPieceByteCount : Exchange.filePieceByteCount
            let count = try await readPiece(descriptor, offset, Int(min(remaining, Int64(piece))))
            guard count > 0 else {
                // The file became shorter under us: only the end of the connection can say so.
                abort()
                throw HTTPResponseError(.fileUnavailable, "the file became shorter while it was sent")
            }
            offset += Int64(count)
            remaining -= Int64(count)
            if remaining > 0 { try await waitForOutput(below: direct > 0 ? 0 : piece / 2) }
        }
    }

    static let filePieceByteCount = 128 << 10

    /// What goes through the ring between two direct pieces.
    static let pacingPieceByteCount = 16 << 10

    /// What is sent directly at a time, so that a client that takes it as fast as it comes leaves others their turn.
    static let directPieceByteCountMax: Int64 = 2 << 20

    /// Files from this size on go from the page cache to the socket without a copy; below it one send of head
    /// and content together is cheaper.
    static let directFileByteCountMin: Int64 = 32 << 10

    /// Files from this size on are passed to the service by descriptor.
    ///
    /// Below it a copy through shared memory costs less: 26 µs against 36 for 32 KiB, 48 against 35 for 64 KiB.
    static let passedFileByteCountMin: Int64 = 48 << 10

    /// Whether the service may store the response, for which it has to have the bytes.
    private func mayBeStored(_ byteCount: Int64) -> Bool {
        guard writtenLength == byteCount, byteCount <= Int64(CacheLimits().entryBytesMax) else {
            return false
        }
        return head.method == .get && (policy != .automatic || responseFields.contains(id: .cacheControl))
    }

    /// Sends from the page cache to the socket, as far as the socket takes it at once.
    ///
    /// What the page cache does not hold would hold up the loop while the disk is read: the piece's first page is
    /// looked for, and its last where the disk's read-ahead may not have come so far, or another process may have
    /// passed a file that it cuts meanwhile.
    ///
    /// - Returns: bytes sent; 0 where that can't be.
    func sendDirectly(
        _ descriptor: Int32,
        _ offset: Int64,
        _ byteCount: Int64,
        isPassed: Bool
    ) -> Int {
        let wanted = min(byteCount, Exchange.directPieceByteCountMax)
        guard wanted >= Exchange.directFileByteCountMin, framing == .fixed,
            let connection = driver?.directOutput(of: self),
            CachedFile.isCached(descriptor, at: offset)
        else {
            return 0
        }
        if isPassed || wanted > Int64(Exchange.filePieceByteCount) {
            guard CachedFile.isCached(descriptor, at: offset + wanted - 1) else { return 0 }
        }
        guard connection.sendOutputNow() else { return 0 }
        return max(0, connection.sendFileNow(descriptor, offset: offset, byteCount: Int(wanted)))
    }

    /// Counts the file's bytes into the response and commits the head; `false` when none are to be sent.
    func beginFile(_ byteCount: Int64) throws -> Bool {
        guard try admit(byteCount), let driver else { return false }
        if let connection = driver.directOutput(of: self) {
            connection.reserveOutput(512 + Int(min(byteCount, Int64(Exchange.filePieceByteCount))))
        }
        pump()
        return byteCount > 0
    }

    /// Reads from the page cache into the output, or through the ring where it is not cached.
    private func readPiece(_ descriptor: Int32, _ offset: Int64, _ wanted: Int) async throws -> Int {
        guard let connection = driver?.directOutput(of: self) else {
            return try await readThrough(descriptor, offset, wanted)
        }
        connection.reserveOutput(wanted)
        var failure: Int32 = 0
        let count = connection.output.appendUninitialized(wanted) { memory in
            let count = CachedFile.read(descriptor, memory, offset)
            if count < 0 { failure = Int32(-count) }
            return max(0, count)
        }
        connection.touch()
        if failure == 0 { return count }
        guard failure == EAGAIN || failure == EOPNOTSUPP else {
            throw HTTPResponseError(.fileUnavailable, "errno \(failure)")
        }
        return try await readThrough(descriptor, offset, wanted)
    }

    /// Reads into memory, through the ring where the page cache has it not, and writes that.
    private func readThrough(_ descriptor: Int32, _ offset: Int64, _ wanted: Int) async throws -> Int {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted, alignment: 16)
        defer { memory.deallocate() }
        var read = Int32(clamping: CachedFile.read(descriptor, memory, offset))
        if read == -EAGAIN || read == -EOPNOTSUPP {
            guard let base = memory.baseAddress else { return 0 }
            read = await loop.readFile(descriptor, into: base, byteCount: wanted, offset: offset)
        }
        guard read >= 0 else { throw HTTPResponseError(.fileUnavailable, "errno \(-read)") }
        driver?.write(UnsafeRawBufferPointer(rebasing: memory[..<Int(read)]), of: self)
        return Int(read)
    }
}
