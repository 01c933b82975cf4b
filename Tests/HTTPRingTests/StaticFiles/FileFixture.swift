// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HTTPFeatures
@testable import HTTPRing
import HTTPTestServer
import Synchronization

/// A folder of its own for one test, gone with it, and static files over it.
final class FileFixture: Sendable {
    let folder: String
    var root: String { folder + "/root" }
    private let time = Mutex<Int64>(0)

    init() throws {
        folder = NSTemporaryDirectory() + "static-files-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder + "/root", withIntermediateDirectories: true)
        try write("../secret.txt", "secret")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Writes a file below the root, last changed in 2025 unless said otherwise.
    func write(_ name: String, _ text: String, changed: Int64? = 1_735_689_600) throws {
        try write(name, Array(text.utf8), changed: changed)
    }

    func write(_ name: String, _ bytes: [UInt8], changed: Int64? = 1_735_689_600) throws {
        let path = root + "/" + name
        let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        // A new file put in the old one's place, as deployments do.
        try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        guard let changed else { return }
        var times = [timespec(tv_sec: Int(changed), tv_nsec: 5), timespec(tv_sec: Int(changed), tv_nsec: 5)]
        utimensat(AT_FDCWD, path, &times, 0)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: root + "/" + name) }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: root + "/" + name, withDestinationPath: target)
    }

    /// Lets time pass for the cache of open files.
    func advance(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        time.withLock { $0 += seconds * 1_000_000_000 + attoseconds / 1_000_000_000 }
    }

    func files(
        requestPath: String = "",
        usesOpenat2: Bool = true,
        _ change: (inout StaticFilesOptions) -> Void = { _ in }
    ) throws -> StaticFiles {
        var options = StaticFilesOptions()
        options.monotonicNanoseconds = { [self] in time.withLock { $0 } }
        change(&options)
        return StaticFiles(
            root: try FileRoot(root, usesOpenat2: usesOpenat2),
            requestPath: requestPath,
            options: options
        )
    }

    /// A server that serves `files` and answers 404 `missed` for the rest.
    func server(_ files: StaticFiles, offersSendFile: Bool = true) async throws -> TestServer {
        var options = TestServerOptions()
        options.offersSendFile = offersSendFile
        let server = TestServer(options: options)
        try await server.start(
            application: HandlerApplication { context in
                if try await files.respond(context) { return }
                context.response.statusCode = 404
                try await context.response.write("missed")
            }
        )
        return server
    }
}
