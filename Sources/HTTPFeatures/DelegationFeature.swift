// SPDX-License-Identifier: Apache-2.0

/// Hands a request on to another request queue of the service, before anything of it was read or answered.
///
/// Absent on an embedded server, and in a process that has named no queues to hand requests on to. The request
/// keeps its target; whoever serves the other queue finds it below that of its prefixes which covers the path, else
/// below none. Its time-outs and limits are from then on those of the other queue's URL group, and its response is
/// not cached. Source: HTTP Server API, HttpDelegateRequestEx; ASP.NET Core, `IHttpSysRequestDelegationFeature`.
public protocol HTTPDelegationFeature: AnyObject {
    /// The queues that requests may be handed on to, by name, sorted.
    var delegationTargets: [String] { get }

    /// Whether this one still can be: no response has started, and nothing of its content was read.
    var canDelegate: Bool { get }

    /// Hands the request on; this handler is then done with it, and what it writes throws.
    ///
    /// Where the other queue is not there, is full, or no longer lets this process's user in, the client gets 503.
    ///
    /// - Parameter queue: one of `delegationTargets`.
    /// - Throws: `HTTPResponseError` with `.notDelegable` where `canDelegate` is false or the queue is none of those.
    func delegate(to queue: String) async throws
}
