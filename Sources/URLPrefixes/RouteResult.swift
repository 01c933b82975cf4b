// SPDX-License-Identifier: Apache-2.0

/// What routing says about a request.
public enum RouteResult: Hashable, Sendable {
    /// A registration takes the request.
    ///
    /// `pathByteCount` is how many bytes of the request path the prefix path took, without its final slash:
    /// 0 for a root, 4 for `/dir/` and `/DIR/file`. The rest is empty or begins with `/`.
    case registration(target: Int32, pathByteCount: Int)
    /// The best match is a reservation that nobody has registered: 503, reason `N/A`.
    case reserved
    /// Nothing on this scheme and port is for this host: 400, reason `Hostname`.
    case hostUnknown
    /// The host is known on this scheme and port, the path is not: 404.
    case pathUnknown
}
