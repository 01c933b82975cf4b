// SPDX-License-Identifier: Apache-2.0

import Foundation

/// `testapp` as a process of some user, attached to a service's queue.
final class ApplicationProcess {
    private let process: ChildProcess
    private let identifier: Int32

    /// Starts it and returns when it serves, or has ended.
    ///
    /// - Parameters:
    ///   - service: the service it attaches to.
    ///   - user: as whom it runs.
    ///   - queue: the queue it opens.
    ///   - address: HOST:PORT/PATH/.
    ///   - listener: its option.
    ///   - options: more of the program's options.
    /// - Throws: where it cannot be started.
    init(
        _ service: ServiceProcess,
        user: UInt32,
        queue: String,
        _ address: String,
        listener: String = "--http",
        options: [String] = []
    ) throws {
        process = try ChildProcess(
            "/usr/bin/setpriv",
            [
                "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", "timeout", "--foreground", "30",
                ServiceProcess.programs.appendingPathComponent("testapp").path, "--workers", "1",
                "--attach", queue, "--service-socket", service.directory + "/control.sock", listener, address,
            ] + options
        )
        // One line, or the end.
        _ = try process.read { $0.printed.contains("\n") }
        let words = process.printed.split(separator: " ")
        identifier = words.first == "ready" && words.count > 1 ? Int32(words[1].dropFirst(4)) ?? 0 : 0
    }

    deinit {
        // `timeout`, which is the process's own child, ends with it.
        if identifier > 0 { kill(identifier, SIGKILL) }
    }

    /// Whether it serves.
    var isReady: Bool { identifier > 0 }

    /// Sends a signal to the application.
    func signal(_ number: Int32) { if identifier > 0 { kill(identifier, number) } }

    /// Sends a signal to the application and waits for its end.
    ///
    /// - Returns: its exit code.
    @discardableResult
    func end(_ signal: Int32) -> Int32 {
        self.signal(signal)
        return (try? process.wait()) ?? -1
    }

    /// What it wrote to standard error until it ended.
    func words() -> String {
        _ = try? process.wait()
        return process.said
    }
}

/// A connection to an HTTP port of this host, one request at a time; gives up after ten seconds.
final class PortClient: Sendable {
    let number: Int32

    init(_ port: UInt16) throws {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(number) }

    /// Sends a request.
    func send(_ path: String, method: String = "GET", host: String, content: String = "") {
        let length = content.isEmpty ? "" : "Content-Length: \(content.utf8.count)\r\n"
        let text = "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\(length)\r\n\(content)"
        send(text: text)
    }

    /// Sends bytes as they are.
    func send(text: String) {
        send(bytes: Array(text.utf8))
    }

    /// Sends bytes as they are.
    func send(bytes: [UInt8]) { _ = Glibc.send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// Reads up to so many bytes; fewer where the connection ends before.
    func receive(byteCount: Int) -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: byteCount)
        while all.count < byteCount {
            let count = read(number, &buffer, byteCount - all.count)
            guard count > 0 else { break }
            all += buffer[..<count]
        }
        return all
    }

    /// Reads one response with a `Content-Length`; status 0 where the connection ends before.
    func receive() -> (status: Int, content: String) {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let text = String(decoding: all, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let head = text[..<end.lowerBound]
                let content = text[end.upperBound...]
                let field = head.components(separatedBy: "\r\n").first {
                    $0.lowercased().hasPrefix("content-length:")
                }
                let length = field.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
                if content.utf8.count >= length {
                    return (Int(head.dropFirst(9).prefix(3)) ?? 0, String(content))
                }
            }
            let count = read(number, &buffer, buffer.count)
            guard count > 0 else { return (0, "") }
            all += buffer[..<count]
        }
    }
}
