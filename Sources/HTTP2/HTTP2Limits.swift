// SPDX-License-Identifier: Apache-2.0
public import HTTPWire

/// What an HTTP/2 session allows its peer.
///
/// Times are `Duration`; a nil time is no limit. The defaults are Kestrel's where it has one.
public struct HTTP2Limits: Sendable, Equatable {
    /// Streams open at once; told to the client, which may not open more.
    ///
    /// From 1 to 2³¹−1.
    public var concurrentStreamCountMax = 100
    /// Bytes of the dynamic table that the client may compress request heads with.
    ///
    /// From 0 to 65536.
    public var headerTableBytesMax = 4096
    /// Bytes of the dynamic table that response heads are compressed with, if the client allows as many.
    public var responseHeaderTableBytesMax = 4096
    /// Bytes of a frame's payload.
    ///
    /// From 16384 to 16777215; a longer frame ends the session.
    public var frameBytesMax = 16384
    /// Limits of a request head; `headBytesMax` is told to the client.
    ///
    /// A head beyond them is answered, mostly with 431; one beyond twice the total or the count ends the session.
    public var head = HeadLimits()
    /// Limits of a trailer section; beyond them the stream is reset.
    public var trailerBytesMax = 32768
    /// Lines of a trailer section; beyond them the stream is reset.
    public var trailerCountMax = 100
    /// Bytes of content that may be on their way on all streams together.
    ///
    /// From 65535 to 2³¹−1.
    public var connectionWindowBytes = 1 << 20
    /// Bytes of content that may be on their way on one stream.
    ///
    /// From 65535 to 2³¹−1.
    public var streamWindowBytes = 768 << 10
    /// CONTINUATION frames of one head.
    public var continuationCountMax = 16

    /// How long a session may stay without a frame before it is asked for a sign of life; nil for never.
    public var keepAlivePingDelay: Duration?
    /// How long the answer to that may take.
    public var keepAlivePingTimeout = Duration.seconds(20)
    /// How long the client's preface may take, and the acknowledgement of our settings.
    public var settingsTimeout = Duration.seconds(30)
    /// How long a head may take from its first frame to its last.
    public var headTimeout = Duration.seconds(30)
    /// How long a response may wait for the client to open its window; nil for ever.
    ///
    /// Then its stream is reset. Content that is whole must have left by then, not only some of it.
    public var stalledStreamTimeout: Duration? = .seconds(60)
    /// How long a graceful shutdown waits for requests that were under way when it was announced.
    public var shutdownNoticeTimeout = Duration.seconds(1)

    /// Control frames: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA and frames of unknown types.
    ///
    /// A SETTINGS frame counts as ten. Each request begun gives back four, each DATA frame sent two.
    public var controlFrames = FloodBudget(burst: 1000, perSecond: 200)
    /// Streams that the client resets, or makes us reset, before their responses are complete.
    ///
    /// Each stream that ends well gives back one.
    public var resets = FloodBudget(burst: 200, perSecond: 20)

    /// Makes the default limits.
    public init() {}
}

/// How often something may happen: so many times at once, and so many more each second.
public struct FloodBudget: Sendable, Equatable {
    /// How many times at once.
    public var burst: Int
    /// How many more times each second.
    public var perSecond: Int

    /// Makes a budget; both numbers are from 1 to a million.
    public init(burst: Int, perSecond: Int) {
        precondition((1...1_000_000).contains(burst), "A budget's burst is from 1 to a million.")
        precondition((1...1_000_000).contains(perSecond), "A budget's rate is from 1 to a million.")
        self.burst = burst
        self.perSecond = perSecond
    }
}
