// SPDX-License-Identifier: Apache-2.0

public import HTTPFeatures
import HTTPWire

/// Tells browsers to use https for this host from now on (`Strict-Transport-Security`).
///
/// Added to each response to a request whose scheme is `https`; over http the field has no meaning (RFC 6797 §7.2).
/// Behind a proxy that ends TLS, put `ForwardedHeaders` before it.
public struct HSTS: RequestMiddleware {
    /// How long a browser remembers; whole seconds.
    ///
    /// Default 30 days. Begin small: a browser that has seen the field cannot be told to forget but over https.
    public var maxAge: Duration
    /// Whether the names below the host are meant, too.
    public var includesSubdomains: Bool
    /// Whether the host wants to be in browsers' built-in list.
    public var preload: Bool
    /// Hosts that never get the field, without port.
    ///
    /// Default: `localhost`, `127.0.0.1`, `[::1]`.
    public var excludedHosts: [String] = ["localhost", "127.0.0.1", "[::1]"]

    /// Makes middleware.
    public init(
        maxAge: Duration = .seconds(30 * 86400),
        includesSubdomains: Bool = false,
        preload: Bool = false
    ) {
        self.maxAge = maxAge
        self.includesSubdomains = includesSubdomains
        self.preload = preload
    }

    /// Adds the field where it belongs, then goes on.
    public func handle(_ context: HTTPContext, next: HTTPHandler) async throws {
        if context.request.scheme == "https", !isExcluded(context.request.authority) {
            try? context.response.headers.set(id: .strictTransportSecurity, value: value)
        }
        try await next(context)
    }

    private var value: String {
        "max-age=\(max(maxAge.components.seconds, 0))" + (includesSubdomains ? "; includeSubDomains" : "")
            + (preload ? "; preload" : "")
    }

    private func isExcluded(_ authority: String) -> Bool {
        let host = RedirectTarget.host(of: authority)
        return excludedHosts.contains { FieldSyntax.equalsIgnoringCase($0, host) }
    }
}
