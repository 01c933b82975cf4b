// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import HTTPEngine

@Suite("Log files")
struct LogFileTests {
    private let directory: TemporaryDirectory
    private let complaints = LineCollector()
    private let counters = LogCounters()

    init() throws { directory = try TemporaryDirectory() }

    private func output(_ rotation: LogRotation, filesMax: Int? = nil) throws -> LogOutput {
        let files = LogFiles(directory: directory.path, rotation: rotation, filesMax: filesMax)
        return try output(.files(files))
    }

    private func output(_ sink: LogSink) throws -> LogOutput {
        let complaints = complaints
        return try LogOutput(sink: sink, title: "error log", names: LogFileNames.errors, counters: counters) {
            complaints.append($0)
        }
    }

    /// Appends a line at a second, below the header `#`.
    private func append(_ line: String, at seconds: Int64 = 0, to output: LogOutput) {
        let line = Array((line + "\n").utf8)
        output.append(at: LogTimestamp(seconds: seconds)) { text in
            text.append("#\n")
        } line: { text in
            line.withUnsafeBufferPointer { text.append($0) }
        }
    }

    @Test("Files are named as HTTP.sys names them")
    func names() {
        let time = LogTimestamp(seconds: 1_795_368_511)
        #expect(LogFileNames.errors(.size(bytes: 1)).name(1) == "httperr1.log")
        #expect(LogFileNames.accesses(.w3c, .size(bytes: 1)).name(12) == "extend12.log")
        #expect(LogFileNames.accesses(.ncsaCommon, .size(bytes: 1)).name(3) == "ncsa3.log")
        for (names, expected) in [
            (LogFileNames.errors(.daily), "ht261122.log"),
            (LogFileNames.errors(.hourly), "ht26112217.log"),
            (LogFileNames.accesses(.w3c, .daily), "ex261122.log"),
            (LogFileNames.accesses(.ncsaCombined, .hourly), "nc26112217.log"),
        ] {
            let name = names.name(names.number(at: time))
            #expect(name == expected)
            #expect(names.number(in: name) == names.number(at: time))
        }
        #expect(
            LogFileNames.errors(.daily).name(
                LogFileNames.errors(.daily).number(at: LogTimestamp(seconds: 946_684_800))
            ) == "ht000101.log"
        )
    }

    @Test(
        "Names that are not ours are left alone",
        arguments: [
            "httperr.log", "httperr01.log", "httperr+1.log", "httperr-1.log", "httperr1.log.gz", "httperr1",
            "httperr1 .log",
            "httperr99999999999999999999.log", "xhttperr1.log", "ht261122.log", ".log", "",
        ]
    )
    func foreignNames(name: String) {
        #expect(LogFileNames.errors(.size(bytes: 1)).number(in: name) == nil)
    }

    @Test("No file exists before its first line, which its header precedes")
    func firstLine() throws {
        let output = try output(.size(bytes: 1 << 20))
        #expect(try directory.names == [])
        append("a", to: output)
        append("b", to: output)
        output.flush()
        #expect(try directory.names == ["httperr1.log"])
        #expect(try directory.lines("httperr1.log") == ["#", "a", "b"])
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.path + "/httperr1.log")
        #expect((attributes[.posixPermissions] as? Int).map { $0 & 0o007 } == 0)
    }

    @Test(
        "A file that has its size is followed by the next number, with a header, and no line is lost or cut"
    )
    func sizeRotation() throws {
        let output = try output(.size(bytes: 1 << 20))
        let line = String(repeating: "x", count: 1023)
        for _ in 0..<3000 { append(line, to: output) }
        output.flush()
        let names = try directory.names
        #expect(names == ["httperr1.log", "httperr2.log", "httperr3.log"])
        var count = 0
        for name in names {
            let lines = try directory.lines(name)
            #expect(lines.first == "#")
            #expect(lines.dropFirst().allSatisfy { $0 == line })
            #expect(lines.count <= 1025)
            count += lines.count - 1
        }
        #expect(count == 3000)
        #expect(complaints.all == [])
    }

    @Test("After a restart the newest file goes on, or the next number where it is full")
    func restart() throws {
        try Data(count: 10).write(to: URL(fileURLWithPath: directory.path + "/httperr9.log"))
        try Data(count: 1 << 20).write(to: URL(fileURLWithPath: directory.path + "/httperr10.log"))
        var output = try output(.size(bytes: 1 << 20))
        append("a", to: output)
        output.flush()
        output = try self.output(.size(bytes: 1 << 20))
        append("b", to: output)
        output.flush()
        #expect(try directory.names == ["httperr10.log", "httperr11.log", "httperr9.log"])
        #expect(try directory.lines("httperr11.log") == ["#", "a", "#", "b"])
    }

    @Test("The oldest files are deleted when one begins, and only files of this log")
    func filesMax() throws {
        for name in ["httperr1.log", "httperr2.log", "httperr10.log", "httperr3.txt", "ncsa1.log"] {
            try Data(count: 2 << 20).write(to: URL(fileURLWithPath: directory.path + "/" + name))
        }
        append("a", to: try output(.size(bytes: 1 << 20), filesMax: 2))
        #expect(try directory.names == ["httperr10.log", "httperr11.log", "httperr3.txt", "ncsa1.log"])
    }

    @Test("A day or an hour of UTC has its own file; a line a little late stays, a clock set back goes back")
    func datedRotation() throws {
        for (rotation, period, names) in [
            (LogRotation.daily, 86400 as Int64, ["ht700102.log", "ht700103.log", "ht700112.log"]),
            (.hourly, 3600, ["ht70010101.log", "ht70010102.log", "ht70010111.log"]),
        ] {
            let directory = try TemporaryDirectory()
            let output = try self.output(.files(LogFiles(directory: directory.path, rotation: rotation)))
            append("first", at: period, to: output)
            append("last", at: 2 * period - 1, to: output)
            append("next", at: 2 * period, to: output)
            append("late", at: 2 * period - 1, to: output)
            append("far", at: 11 * period, to: output)
            append("back", at: 2 * period, to: output)
            output.flush()
            #expect(try directory.names == names)
            #expect(try directory.lines(names[0]) == ["#", "first", "last"])
            #expect(try directory.lines(names[1]) == ["#", "next", "late", "#", "back"])
            #expect(try directory.lines(names[2]) == ["#", "far"])
        }
    }

    @Test("After a flush a renamed or deleted file is begun anew")
    func moved() throws {
        let output = try output(.size(bytes: 1 << 20))
        let path = directory.path + "/httperr1.log"
        append("a", to: output)
        output.flushAndReopen()
        append("b", to: output)
        output.flush()
        try FileManager.default.moveItem(atPath: path, toPath: directory.path + "/old")
        append("c", to: output)
        output.flushAndReopen()
        append("d", to: output)
        output.flushAndReopen()
        #expect(try directory.lines("old") == ["#", "a", "b", "c"])
        #expect(try directory.lines("httperr1.log") == ["#", "d"])
        try FileManager.default.removeItem(atPath: path)
        output.flushAndReopen()
        append("e", to: output)
        output.flush()
        #expect(try directory.lines("httperr1.log") == ["#", "e"])
    }

    @Test("A directory that goes away costs lines and one complaint; with it back the log goes on")
    func directoryLost() throws {
        let output = try output(.daily)
        try FileManager.default.removeItem(atPath: directory.path)
        for _ in 0..<3 { append("a", to: output) }
        output.flush()
        append("b", to: output)
        #expect(counters.lostLineCount == 4)
        #expect(complaints.all.count == 1)
        #expect(
            complaints.all.first?.hasPrefix("HTTPRing: error log: opendir \(directory.path): No such file")
                == true
        )
        try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: false)
        output.flush()
        append("c", to: output)
        output.flush()
        #expect(try directory.lines("ht700101.log") == ["#", "c"])
        #expect(counters.lostLineCount == 4)
    }

    @Test("A full disk costs counted lines and one complaint a row of failures")
    func diskFull() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        let output = try output(.descriptor(descriptor))
        for _ in 0..<3 {
            append("a", to: output)
            append("b", to: output)
            output.flush()
        }
        #expect(counters.lostLineCount == 6)
        #expect(
            complaints.all == [
                "HTTPRing: error log: write descriptor \(descriptor): No space left on device (28); "
                    + "free space there; lines are dropped until then"
            ]
        )
    }

    @Test("A pipe that nobody reads loses lines, and a line that was cut is ended before the next")
    func stuckPipe() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { ends.forEach { close($0) } }
        let descriptor = LogDescriptor(ends[1], name: "pipe", patienceMilliseconds: 0)
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000) + [UInt8(ascii: "\n")]
        let error = #expect(throws: LogError.self) {
            try line.withUnsafeBufferPointer { bytes throws(LogError) in try descriptor.write(bytes) }
        }
        #expect(error?.code == ETIMEDOUT)
        var taken = [UInt8](repeating: 0, count: 1 << 17)
        let cut = read(ends[0], &taken, taken.count)
        #expect(cut == 65536)
        try [UInt8]("next\n".utf8).withUnsafeBufferPointer { bytes throws(LogError) in
            try descriptor.write(bytes)
        }
        let count = read(ends[0], &taken, taken.count)
        #expect(String(decoding: taken[..<max(count, 0)], as: UTF8.self) == "\nnext\n")
    }

    @Test("A pipe whose reader is gone is an error, not a signal")
    func brokenPipe() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        close(ends[0])
        defer { close(ends[1]) }
        let lines = LineCollector()
        let hub = try LogHub(
            errorSink: .descriptor(ends[1]),
            accessSink: nil,
            format: .ncsaCommon,
            ringBytes: nil,
            complain: { lines.append($0) }
        )
        try hub.start()
        hub.makeRing().error(sampleError(), "GET", "/", "")
        #expect(hub.stop())
        #expect(hub.drops == LogDrops(unwrittenLines: 1))
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.contains("Broken pipe") == true)
    }

    @Test("What cannot work is refused at the start, in words")
    func refusals() throws {
        let missing = LogFiles(directory: directory.path + "/a/b")
        let small = LogFiles(directory: directory.path, rotation: .size(bytes: (1 << 20) - 1))
        let none = LogFiles(directory: directory.path, filesMax: 0)
        let file = LogFiles(directory: "/dev/null")
        for (files, code) in [(missing, ENOENT), (small, EINVAL), (none, EINVAL), (file, ENOTDIR)] {
            let error = #expect(throws: LogError.self) { _ = try output(.files(files)) }
            #expect(error?.code == code)
            #expect(error?.description.contains("; ") == true)
        }
        _ = try output(.files(LogFiles(directory: directory.path + "/new")))
        #expect(try directory.names == ["new"])
    }
}
