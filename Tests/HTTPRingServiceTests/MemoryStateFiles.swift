// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPRingService
import Synchronization

/// A file system in memory that fails or loses power at a chosen call.
///
/// It keeps what programs see apart from what the medium has: bytes reach the medium with `synchronize`, names
/// with `synchronizeDirectory`.
final class MemoryStateFiles: StateFiles {
    struct File: Sendable {
        var seen: [UInt8] = []
        var durable: [UInt8] = []
    }

    struct Disk: Sendable {
        var files: [Int32: File] = [:]
        var names: [String: Int32] = [:]
        var durableNames: [String: Int32] = [:]
        var nextFile: Int32 = 100
        var callCount = 0
        var failingCall: Int?
        var log: [String] = []
    }

    let disk = Mutex(Disk())

    init(_ path: String, _ bytes: [UInt8]) {
        disk.withLock {
            $0.files[1] = File(seen: bytes, durable: bytes)
            $0.names = [path: 1]
            $0.durableNames = [path: 1]
        }
    }

    /// What a start after a power failure may find: the durable names, and whichever later renames got through.
    func contentsAfterPowerFailure(_ path: String) -> [[UInt8]] {
        disk.withLock { disk in
            [disk.durableNames[path], disk.names[path]].compactMap { $0 }.compactMap {
                disk.files[$0]?.durable
            }
        }
    }

    /// What a start after the process alone was killed finds.
    func contents(_ path: String) -> [UInt8]? {
        disk.withLock { disk in disk.names[path].flatMap { disk.files[$0]?.seen } }
    }

    private func step<Result>(
        _ operation: String,
        _ path: String,
        _ body: (inout Disk) -> Result
    ) throws(StateFileError) -> Result where Result: Sendable {
        let result: Result? = disk.withLock { disk in
            disk.callCount += 1
            disk.log.append(operation)
            return disk.failingCall == disk.callCount ? nil : body(&disk)
        }
        guard let result else { throw StateFileError(operation: operation, path: path, code: EIO) }
        return result
    }

    func read(_ path: String) throws(StateFileError) -> [UInt8]? { contents(path) }

    func create(_ path: String) throws(StateFileError) -> Int32 {
        try step("create", path) { disk in
            let file = disk.nextFile
            disk.nextFile += 1
            disk.files[file] = File()
            disk.names[path] = file
            return file
        }
    }

    /// Takes at most 40 bytes at once, so that a state takes several calls.
    func write(_ bytes: ArraySlice<UInt8>, to file: Int32, _ path: String) throws(StateFileError) -> Int {
        try step("write", path) { disk in
            disk.files[file]?.seen += bytes.prefix(40)
            return min(40, bytes.count)
        }
    }

    func synchronize(_ file: Int32, _ path: String) throws(StateFileError) {
        try step("fsync", path) { disk in
            if let seen = disk.files[file]?.seen { disk.files[file]?.durable = seen }
        }
    }

    func close(_ file: Int32) {}

    func rename(_ old: String, to new: String) throws(StateFileError) {
        try step("rename", new) { disk in
            disk.names[new] = disk.names[old]
            disk.names[old] = nil
        }
    }

    func synchronizeDirectory(_ path: String) throws(StateFileError) {
        try step("fsync directory", path) { disk in disk.durableNames = disk.names }
    }
}
