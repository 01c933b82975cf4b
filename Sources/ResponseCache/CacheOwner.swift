// SPDX-License-Identifier: Apache-2.0

/// Whose a cached response is: what it is flushed with when its owner goes away.
public struct CacheOwner: Sendable, Hashable {
    /// The request queue that the request was routed to.
    public var queueID: UInt64
    /// The URL group that the request was routed to.
    public var urlGroupID: UInt64

    /// Makes an owner.
    public init(queueID: UInt64, urlGroupID: UInt64) {
        self.queueID = queueID
        self.urlGroupID = urlGroupID
    }
}
