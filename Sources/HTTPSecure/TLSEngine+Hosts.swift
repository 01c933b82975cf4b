// SPDX-License-Identifier: Apache-2.0

internal import Glibc

// Which hosts may be asked for over a connection: those whose bindings would have asked the same of it.
extension TLSEngine {
    /// Whether any host may be asked for: all bindings have the policy that the connection was made under.
    ///
    /// **Cost**: two loads.
    public var mayServeEveryHost: Bool { context.sharedPolicyNumber == state.pointee.policyNumber }

    /// Whether a request for a host may be answered over the connection; once established.
    ///
    /// Looks up the binding that the host would have selected as the name in the client's hello, among those that
    /// are in effect now, and compares its policy with the one that the connection was made under: whether it
    /// rejects, its versions, whether it speaks HTTP/2, and what it wants of client certificates. A host that no
    /// binding is for may not be asked for; an empty one may, where no binding is for clients without a name.
    ///
    /// **Cost**: a comparison where the last host is asked for again, else a lock, an allocation and a look-up.
    /// **Source**: RFC 6066 §11.1, RFC 9110 §7.4.
    ///
    /// - Parameter host: The request's host without its port, as received; empty for none.
    /// - Returns: whether it may.
    public func mayServe(host: UnsafeRawBufferPointer) -> Bool {
        let number = context.snapshotNumber
        if number == servedHostSnapshot, isServedHost(host) { return true }
        let (address, port) = (state.pointee.address, state.pointee.port)
        let name = ServerName.canonical(host)
        guard let site = context.snapshot.site(name: name, address: address, port: port) else {
            return host.isEmpty
        }
        guard site.policyNumber == state.pointee.policyNumber else { return false }
        if host.count <= ServerName.byteCountMax {
            servedHost.removeAll(keepingCapacity: true)
            servedHost.append(contentsOf: host)
            servedHostSnapshot = number
        }
        return true
    }

    /// Whether even the name that the connection was made for may no longer be asked for: its rules have changed.
    public var isOutdated: Bool {
        var name = serverName ?? ""
        return name.withUTF8 { !mayServe(host: UnsafeRawBufferPointer($0)) }
    }

    private func isServedHost(_ host: UnsafeRawBufferPointer) -> Bool {
        guard host.count == servedHost.count else { return false }
        guard let base = host.baseAddress else { return true }
        return memcmp(base, servedHost, host.count) == 0
    }
}
