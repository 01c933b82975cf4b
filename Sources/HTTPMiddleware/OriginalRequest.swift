// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures

/// What a request looked like before `ForwardedHeaders` rewrote it; there where it did.
///
/// What ASP.NET Core keeps in `X-Original-For` and its siblings.
public protocol HTTPOriginalRequestFeature: AnyObject {
    /// The address the connection really came from: the nearest proxy's.
    var remoteAddress: String { get }
    /// The port the connection really came from.
    var remotePort: Int { get }
    /// The scheme of the connection with the nearest proxy.
    var scheme: String { get }
    /// The authority the nearest proxy sent.
    var authority: String { get }
    /// The path of the URL prefix that matched.
    var pathBase: String { get }
    /// How many proxies were believed.
    var hopCount: Int { get }
}

final class OriginalRequest: HTTPOriginalRequestFeature {
    let remoteAddress: String
    let remotePort: Int
    let scheme: String
    let authority: String
    let pathBase: String
    let hopCount: Int

    init(_ request: any HTTPRequestFeature, _ connection: any HTTPConnectionFeature, hopCount: Int) {
        remoteAddress = connection.remoteAddress
        remotePort = connection.remotePort
        scheme = request.scheme
        authority = request.authority
        pathBase = request.pathBase
        self.hopCount = hopCount
    }
}
