// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestKit
import Testing

@Suite("httpringd and httpring as processes", .serialized, .ownThread)
struct ProgramTests {
    @Test("end with the exit code that is documented for each failure, and say on standard error what to do")
    func exitCodes() throws {
        let service = try ServiceProcess()
        try service.start()
        #expect(try service.httpring("add", "urlacl", "url=http://+:18080/a/", "user=0").status == 0)
        for (arguments, status, words) in [
            (["add", "urlacl", "--url", "http://+:18080/A/", "--user", "0"], 73, "already reserved"),
            (["add", "urlacl", "url=https://+:18080/", "user=0"], 73, "choose another port"),
            (["add", "urlacl", "url=18080", "user=0"], 80, "Valid examples"),
            (["add", "urlacl", "url=http://+:18080/"], 64, "user="),
            (["add", "urlacl", "url=http://+:1/", "user=no-such-user"], 64, "no user"),
            (["add", "urlacl", "url=http://+:1/", "sddl=D:(D;;GX;;;WD)"], 64, "security descriptor"),
            (["delete", "urlacl", "url=http://+:18080/none/"], 66, "not reserved"),
            (["add", "timeout", "timeouttype=headerwaittimeout", "value=70000"], 65, "1 to 65535"),
            (["recycle", "none"], 66, "show queue"),
            (["add", "cacheparam", "type=cacherangechunksize", "value=1"], 81, "whole responses"),
            (["add", "queue", "name=q", "ping=90000"], 65, "0 to 86400"),
            (["bend"], 64, "Usage"),
        ] as [([String], Int32, String)] {
            let environment = ["HTTPRING_SOCKET": service.directory + "/control.sock"]
            let outcome = try ServiceProcess.run("httpring", arguments, environment: environment)
            #expect(outcome.status == status, "\(arguments)")
            #expect(outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
        }
        #expect(service.end(SIGTERM) == 0)
        let outcome = try service.httpring("show", "urlacl")
        #expect(outcome.status == 69)
        #expect(outcome.errors.contains("systemctl start httpringd"))
    }

    @Test("print netsh's labels, and JSON with --json")
    func layouts() throws {
        let service = try ServiceProcess()
        try service.start()
        _ = try service.httpring("add", "urlacl", "url=http://+:18080/a/", "user=everyone", "delegate=yes")
        #expect(
            try service.httpring("show", "urlacl").output == """

                URL Reservations:
                -----------------

                    Reserved URL            : http://+:18080/a/
                        User: Everyone
                            Listen: Yes
                            Delegate: Yes
                            SDDL: D:(A;;GA;;;WD)



                """
        )
        let json = try service.httpring("show", "urlacl", "--json").output
        let records = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]]
        #expect(records?.first?["url"] as? String == "http://+:18080/a/")
        let timeouts = try service.httpring("show", "timeout").output
        #expect(timeouts.contains("HTTP service timeouts:\n----------------------\n"))
        #expect(timeouts.contains("    Idle connection timeout (secs): 120\n"))
        let state = try service.httpring("show", "servicestate").output
        #expect(state.contains("Snapshot of HTTP service state (Server Session View):"))
        for topic in ["sslcert", "iplisten", "cacheparam", "queue", "servicestate"] {
            let outcome = try service.httpring("show", topic, "--json")
            #expect((try? JSONSerialization.jsonObject(with: Data(outcome.output.utf8))) != nil, "\(topic)")
        }
    }

    @Test(
        "hold real users to their rights by what the kernel says of them (SO_PEERCRED)",
        .enabled(if: ServiceProcess.isRoot, "needs root to be other users")
    )
    func users() throws {
        let service = try ServiceProcess()
        try service.start()
        let (alice, bob): (UInt32, UInt32) = (61001, 61002)
        let shop = "url=http://+:18080/shop/"
        #expect(try service.httpring("add", "urlacl", shop, "user=\(alice)", user: bob).status == 77)
        #expect(try service.httpring("add", "urlacl", shop, "user=\(alice)", "delegate=yes").status == 0)
        #expect(try service.httpring("delete", "urlacl", shop, user: bob).status == 77)
        let below = "url=http://+:18080/shop/b/"
        #expect(try service.httpring("add", "urlacl", below, "user=\(bob)", user: bob).status == 77)
        #expect(try service.httpring("add", "urlacl", below, "user=\(bob)", user: alice).status == 0)
        #expect(try service.httpring("show", "urlacl", user: bob).output.contains("http://+:18080/shop/b/"))
        for hidden in [
            ["show", "sslcert"], ["show", "cachestate"], ["top", "--count", "1"], ["dump"],
            ["delete", "cache"],
        ] {
            let environment = ["HTTPRING_SOCKET": service.directory + "/control.sock"]
            let outcome = try ServiceProcess.run("httpring", hidden, user: bob, environment: environment)
            #expect(outcome.status == 77, "\(hidden)")
        }
    }

    @Test("keep every change over kill -9, and let the next instance start but never a second")
    func killed() throws {
        let service = try ServiceProcess()
        for number in 0..<3 {
            try service.start()
            let url = "url=http://+:18080/\(number)/"
            #expect(try service.httpring("add", "urlacl", url, "user=0").status == 0)
            if number == 0 {
                let configuration = service.directory + "/httpringd.conf"
                let second = try ServiceProcess.run("httpringd", ["--configuration", configuration])
                #expect(second.status == 73)
                #expect(second.errors.contains("Another httpringd runs"))
            }
            service.end(SIGKILL)
        }
        try service.start()
        let listing = try service.httpring("show", "urlacl").output
        for number in 0..<3 { #expect(listing.contains("http://+:18080/\(number)/")) }
    }

    @Test("dump prints a script that recreates the state on another service")
    func dump() throws {
        let first = try ServiceProcess()
        try first.start()
        for arguments in [
            ["add", "urlacl", "url=http://+:18080/it's $(here)/", "user=everyone"],
            ["add", "urlacl", "url=http://h:18080/", "user=1", "group=2", "listen=no", "delegate=yes"],
            ["add", "timeout", "timeouttype=headerwaittimeout", "value=0x10"],
            [
                "add", "queue", "name=q", "url=http://localhost:\(ServiceProcess.freePort())/q/", "user=@5",
                "unit=q.service",
                "length=9",
            ],
        ] {
            let environment = ["HTTPRING_SOCKET": first.directory + "/control.sock"]
            #expect(try ServiceProcess.run("httpring", arguments, environment: environment).status == 0)
        }
        let script = try first.httpring("dump").output
        first.end(SIGTERM)
        let second = try ServiceProcess()
        try second.start()
        let file = second.directory + "/script.sh"
        try script.write(toFile: file, atomically: false, encoding: .utf8)
        let path = ServiceProcess.programs.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
        let environment = ["HTTPRING_SOCKET": second.directory + "/control.sock", "PATH": path]
        let outcome = try ServiceProcess.run("/bin/sh", [file], environment: environment)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try second.httpring("dump").output == script)
    }

    @Test("--check names every wrong line of the configuration, and a damaged state file is left alone")
    func check() throws {
        let service = try ServiceProcess("nonsense = 1\n[limits]\nmax-connections = many")
        let file = service.directory + "/httpringd.conf"
        let outcome = try ServiceProcess.run("httpringd", ["--check", "--configuration", file])
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("\(file):9: [engine] has no key 'nonsense'"))
        #expect(outcome.errors.contains("\(file):11: 'many' is no value for 'max-connections'"))
        let other = try ServiceProcess()
        try "httpring-state 1\nlisten".write(
            toFile: other.directory + "/state",
            atomically: false,
            encoding: .utf8
        )
        let damaged = try ServiceProcess.run(
            "httpringd",
            ["--configuration", other.directory + "/httpringd.conf"]
        )
        #expect(damaged.status == 78)
        #expect(damaged.errors.contains("\(other.directory)/state:2: "))
        #expect(
            (try? String(contentsOfFile: other.directory + "/state", encoding: .utf8))
                == "httpring-state 1\nlisten"
        )
    }

    @Test(
        "a defined queue answers on its prefix as long as the service runs, and its deletion frees the port"
    )
    func listening() throws {
        let service = try ServiceProcess()
        try service.start()
        let port = ServiceProcess.freePort()
        let added = try service.httpring(
            "add",
            "queue",
            "name=q",
            "url=http://localhost:\(port)/q/",
            "enabled=no"
        )
        #expect(added.status == 0, "\(added.errors)")
        #expect(try Self.status(of: "/q/", port: port) == 503)
        #expect(try Self.status(of: "/other/", port: port) == 404)
        #expect(try service.httpring("delete", "queue", "name=q").status == 0)
        #expect(throws: (any Error).self) { try Self.status(of: "/q/", port: port) }
    }

    @Test(
        "a certificate serves at once, one that cannot be read is refused and changes nothing",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "needs openssl"),
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"), "needs curl")
    )
    func certificates() throws {
        let service = try ServiceProcess()
        let certificate = try LocalCertificate(in: service.directory)
        try service.start()
        let port = ServiceProcess.freePort()
        let url = "https://localhost:\(port)/q/"
        #expect(try service.httpring("add", "urlacl", "url=\(url)", "user=0").status == 0)
        let queue = try service.httpring("add", "queue", "name=q", "url=\(url)", "enabled=no")
        #expect(queue.status == 0 && !queue.output.contains("TLS"), "\(queue.output)\(queue.errors)")
        func status() throws -> String {
            try ServiceProcess.run(
                "/usr/bin/curl",
                ["--silent", "--max-time", "5", "--cacert", certificate.file, "--output", "/dev/null"]
                    + ["--write-out", "%{http_code}", url]
            ).output
        }
        #expect(try status() == "000")
        let key = "hostnameport=localhost:\(port)"
        let refused = try service.httpring("add", "sslcert", key, "certfile=/nonexistent.pem")
        #expect(refused.status == 71)
        #expect(refused.errors.contains("/nonexistent.pem"))
        let added = try service.httpring(
            "add",
            "sslcert",
            key,
            "certfile=\(certificate.file)",
            "keyfile=\(certificate.keyFile)"
        )
        #expect(added.status == 0, "\(added.errors)")
        #expect(try status() == "503")
        #expect(try service.httpring("update", "sslcert", key, "reject=enable").status == 0)
        #expect(try status() == "000")
        #expect(try service.httpring("update", "sslcert", key, "reject=").status == 0)
        #expect(try status() == "503")
        #expect(try service.httpring("delete", "sslcert", key).status == 0)
        #expect(try status() == "000")
    }

    @Test(
        "time-outs, the listen list and the cache's limit take effect at once, and are there after a restart"
    )
    func settings() throws {
        let service = try ServiceProcess()
        try service.start()
        let port = ServiceProcess.freePort()
        let queue = try service.httpring("add", "queue", "name=q", "url=http://*:\(port)/", "enabled=no")
        #expect(queue.status == 0, "\(queue.errors)")
        #expect(try Self.status(of: "/", port: port) == 503)
        for arguments in [
            ["add", "iplisten", "ipaddress=127.0.0.2"],
            ["add", "timeout", "timeouttype=idleconnectiontimeout", "value=7"],
            ["add", "cacheparam", "type=maxcacheresponsesize", "value=77"],
        ] {
            let environment = ["HTTPRING_SOCKET": service.directory + "/control.sock"]
            let outcome = try ServiceProcess.run("httpring", arguments, environment: environment)
            #expect(outcome.status == 0 && !outcome.output.contains("next time"), "\(outcome)")
        }
        #expect(throws: (any Error).self) { try Self.status(of: "/", port: port) }
        service.end(SIGKILL)
        try service.start()
        #expect(throws: (any Error).self) { try Self.status(of: "/", port: port) }
        #expect(try service.httpring("show", "timeout").output.contains(": 7\n"))
        #expect(try service.httpring("show", "cacheparam").output.contains("77"))
        #expect(try service.httpring("delete", "iplisten", "ipaddress=127.0.0.2").status == 0)
        #expect(try Self.status(of: "/", port: port) == 503)
        let shown = try service.httpring("top", "--count", "1").output
        #expect(shown.contains("SLOWEST PREFIXES") && shown.contains("QUEUE"))
    }

    /// The status of a response on loopback.
    private static func status(of path: String, port: UInt16) throws -> Int {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(number) }
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
        let request = Array(
            "GET \(path) HTTP/1.1\r\nHost: localhost:\(port)\r\nConnection: close\r\n\r\n".utf8
        )
        _ = write(number, request, request.count)
        var response = [UInt8](repeating: 0, count: 4096)
        let count = read(number, &response, response.count)
        let words = String(decoding: response.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { throw POSIXError(.ECONNRESET) }
        return status
    }
}
