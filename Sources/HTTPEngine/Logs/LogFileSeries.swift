// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The files of one log: the open one, and when and under what name the next begins.
///
/// **Isolation**: the writer thread only. A file is created with the first line for it, not before.
final class LogFileSeries {
    private let files: LogFiles
    private let names: LogFileNames
    private var open: LogDescriptor?
    /// Bytes in the open file.
    private var byteCount = 0
    /// The number in the open file's name; 0 before the first.
    private var number = 0
    /// The day or hour of the open file, counted since 1970.
    private var period: Int64 = 0

    /// Checks the description and the directory, which is created where only it is missing.
    init(_ files: LogFiles, names: LogFileNames) throws(LogError) {
        if case .size(let bytes) = files.rotation, bytes < LogRotation.sizeMin {
            throw LogError(operation: "set", code: EINVAL, object: "a log file size of \(bytes), below 1 MiB")
        }
        if let filesMax = files.filesMax, filesMax < 1 {
            throw LogError(
                operation: "set",
                code: EINVAL,
                object: "a number of log files of \(filesMax), below 1"
            )
        }
        // Error lines tell about other people's requests: nobody outside the group reads them.
        if unsafe mkdir(files.directory, 0o750) != 0 && errno != EEXIST {
            throw LogError(operation: "mkdir", code: errno, object: files.directory)
        }
        guard unsafe access(files.directory + "/.", W_OK | X_OK) == 0 else {
            throw LogError(operation: "access", code: errno, object: files.directory)
        }
        self.files = files
        self.names = names
    }

    deinit { close() }

    /// Whether a line of this time needs another file than the open one, which `pending` bytes still go to.
    func isDue(at time: LogTimestamp, pending: Int) -> Bool {
        if open == nil { return true }
        if case .size(let bytes) = files.rotation { return byteCount + pending >= bytes }
        // Loops are drained one after another: a line may be a little older than the file. Only a clock that was
        // set back goes back to an earlier file.
        let wanted = period(at: time)
        return wanted > period || period - wanted > 1
    }

    /// Opens the file that a line of this time goes to, and deletes those that are too many.
    func begin(at time: LogTimestamp) throws(LogError) {
        let existing = try numbers()
        let wasOpen = close()
        if case .size(let bytes) = files.rotation {
            number = max(number, existing.max() ?? 1, 1)
            if wasOpen || size(of: path(number)) >= bytes { number += 1 }
        } else {
            number = names.number(at: time)
            period = period(at: time)
        }
        try openFile()
        guard let filesMax = files.filesMax else { return }
        let others = existing.filter { $0 != number }.sorted(by: >)
        // What cannot be deleted now is tried again when the next file begins.
        for old in others.dropFirst(filesMax - 1) { unsafe unlink(path(old)) }
    }

    /// Appends bytes to the open file.
    func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(LogError) {
        guard open != nil else { throw LogError(operation: "write", code: EBADF, object: files.directory) }
        try unsafe open?.write(bytes)
        byteCount += bytes.count
    }

    /// Lets go of the open file where its name no longer leads to it, so that the next line creates it anew.
    func forgetIfMoved() {
        guard let open else { return }
        var here = stat()
        var there = stat()
        let isThere = unsafe fstat(open.descriptor, &here) == 0 && stat(open.name, &there) == 0
        if !isThere || here.st_ino != there.st_ino || here.st_dev != there.st_dev { close() }
    }
}

extension LogFileSeries {
    private func path(_ number: Int) -> String { files.directory + "/" + names.name(number) }

    private func period(at time: LogTimestamp) -> Int64 {
        time.seconds / (files.rotation == .hourly ? 3600 : 86400)
    }

    /// The size of a file, 0 where there is none.
    private func size(of path: String) -> Int {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Closes the open file and returns whether there was one.
    @discardableResult
    private func close() -> Bool {
        guard let open else { return false }
        Glibc.close(open.descriptor)
        self.open = nil
        return true
    }

    private func openFile() throws(LogError) {
        let path = path(number)
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let descriptor = unsafe Glibc.open(path, flags, 0o640)
        guard descriptor >= 0 else { throw LogError(operation: "open", code: errno, object: path) }
        open = LogDescriptor(descriptor, name: path)
        byteCount = size(of: path)
    }

    /// The numbers of the files of this log that are in the directory.
    private func numbers() throws(LogError) -> [Int] {
        guard let listing = unsafe opendir(files.directory) else {
            throw LogError(operation: "opendir", code: errno, object: files.directory)
        }
        defer { unsafe _ = closedir(listing) }
        var numbers: [Int] = []
        while let entry = unsafe readdir(listing) {
            // SAFETY: the kernel ends each name with a zero byte inside the array, whose start this is.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if let number = names.number(in: name) { numbers.append(number) }
        }
        return numbers
    }
}
