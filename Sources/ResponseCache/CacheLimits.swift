// SPDX-License-Identifier: Apache-2.0

/// The bounds of a response cache.
///
/// The defaults are HTTP.sys's where it has one (`UriMaxUriBytes`, `UriScavengerPeriod`).
public struct CacheLimits: Sendable, Equatable {
    /// Bytes of all entries, their keys and their bookkeeping together.
    ///
    /// 64 MiB unless said otherwise.
    public var byteBudget: Int
    /// Bytes of the largest response, head and body.
    ///
    /// 262,144 unless said otherwise.
    public var entryBytesMax: Int
    /// Bytes of the largest response head.
    ///
    /// 16 KiB unless said otherwise.
    public var headBytesMax: Int
    /// How long an entry that nobody asks for is kept.
    ///
    /// 120 s unless said otherwise.
    public var scavengerPeriod: Duration

    /// Makes limits; each has its default.
    public init(
        byteBudget: Int = 64 * 1024 * 1024,
        entryBytesMax: Int = 262_144,
        headBytesMax: Int = 16 * 1024,
        scavengerPeriod: Duration = .seconds(120)
    ) {
        self.byteBudget = byteBudget
        self.entryBytesMax = entryBytesMax
        self.headBytesMax = headBytesMax
        self.scavengerPeriod = scavengerPeriod
    }

    /// The scavenger period in nanoseconds, at least 0, at most some 292 years.
    var scavengerNanoseconds: Int64 {
        let (seconds, attoseconds) = scavengerPeriod.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? 0 : .max }
        let (sum, sumOverflow) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return sumOverflow ? .max : max(0, sum)
    }
}
