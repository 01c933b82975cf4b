// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Where a listener accepts: `HOST:PORT`, an IPv6 address in brackets, with a path below which to serve.
///
/// Shape: `127.0.0.1:8080`, `[::1]:0`, `0.0.0.0:80`, `localhost:8080/shop/`; refused: `8080`, `::1:80`, `host:99999`.
struct ListenAddress: ExpressibleByArgument, Sendable {
    /// The host as given, brackets included.
    let host: String
    /// 0 takes a free port.
    let port: UInt16
    /// The path, `/` where none is given.
    let path: String

    init?(argument: String) {
        let slash = argument.firstIndex(of: "/") ?? argument.endIndex
        let path = String(argument[slash...])
        let argument = argument[..<slash]
        guard let colon = argument.lastIndex(of: ":"),
            let port = UInt16(argument[argument.index(after: colon)...])
        else { return nil }
        let host = String(argument[..<colon])
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        guard !host.isEmpty, isBracketed || !host.contains(":") else { return nil }
        self.host = host
        self.port = port
        self.path = path.hasSuffix("/") ? path : path + "/"
    }

    /// The URL prefix that listens there; the wildcard addresses become `*`.
    ///
    /// - Parameter scheme: `http` or `https`.
    /// - Returns: the prefix, such as `https://*:8443/`.
    func urlPrefix(scheme: String) -> String {
        let name = host == "0.0.0.0" || host == "[::]" ? "*" : host
        return "\(scheme)://\(name):\(port)\(path)"
    }

    /// The port in a URL prefix of full form, such as `http://*:8080/`.
    static func port(of urlPrefix: String) -> UInt16? {
        let parts = urlPrefix.split(separator: "/", omittingEmptySubsequences: true)
        guard parts.count >= 2, let colon = parts[1].lastIndex(of: ":") else { return nil }
        return UInt16(parts[1][parts[1].index(after: colon)...])
    }
}
