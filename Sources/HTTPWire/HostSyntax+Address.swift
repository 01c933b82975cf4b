// SPDX-License-Identifier: Apache-2.0

extension HostSyntax {
    /// Whether text is an IP address, perhaps with a port, as proxies write them in `X-Forwarded-For`.
    ///
    /// **Shape**: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`. Names are none, nor is
    /// `[192.0.2.1]`, `2001:db8::1%eth0`, `192.0.2.1:` or `192.0.2.01`.
    ///
    /// Cost: no allocation. Source: RFC 3986 §3.2.2, RFC 7239 §6.
    public static func isAddress(_ text: Span<UInt8>) -> Bool {
        if IPLiteral.isIPv4(text, from: 0, to: text.count) || IPLiteral.isIPv6(text, from: 0, to: text.count)
        {
            return true
        }
        guard let syntax = HostSyntax(text) else { return false }
        let host = text.extracting(syntax.host.range)
        guard host[0] == UInt8(ascii: "[") else { return IPLiteral.isIPv4(host, from: 0, to: host.count) }
        return IPLiteral.isIPv6(host, from: 1, to: host.count - 1)
    }
}
