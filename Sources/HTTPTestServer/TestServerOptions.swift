// SPDX-License-Identifier: Apache-2.0

/// What a test may say about the server and the connection its requests come over.
public struct TestServerOptions: Sendable {
    /// The URL prefix the application is registered under.
    public var urlPrefix = "http://*:80/"
    /// The limit on a request's content in bytes, at first HTTP.sys's; `nil` for none.
    public var maxRequestBodySize: Int64? = 30_000_000
    /// How much written content may wait for a client that does not read, in bytes.
    public var unreadByteCountMax = 65536
    /// The value of the `Server` field; `nil` for none.
    public var serverHeader: String?
    /// Unix time in seconds for the `Date` field, a fixed moment unless said otherwise.
    public var unixSeconds: @Sendable () -> Int64 = { 1_735_732_800 }
    /// Monotonic time in nanoseconds for `HTTPRequestTimingFeature`, a fixed moment unless said otherwise.
    public var monotonicNanoseconds: @Sendable () -> Int64 = { 1_000_000_000 }
    /// Whether `HTTPSendFileFeature` is offered.
    public var offersSendFile = true
    /// The client's address.
    public var remoteAddress = "127.0.0.1"
    /// The client's port.
    public var remotePort = 54321
    /// The address the client reached.
    public var localAddress = "127.0.0.1"
    /// The port the client reached.
    public var localPort = 80
    /// Facts of a TLS connection; where given, requests have scheme `https`.
    public var tls: TestTLSConnection?

    /// Makes options with their defaults.
    public init() {}
}

/// The facts `TLSConnectionFeature` tells in a test.
public struct TestTLSConnection: Sendable {
    /// The protocol version.
    public var version = "TLSv1.3"
    /// The cipher suite.
    public var cipherSuite = "TLS_AES_128_GCM_SHA256"
    /// The server name asked for.
    public var serverName = "localhost"
    /// The negotiated application protocol.
    public var applicationProtocol = "http/1.1"
    /// The client's certificates, DER, leaf first.
    public var clientCertificateChain: [[UInt8]] = []

    /// Makes the facts of a usual TLS 1.3 connection.
    public init() {}
}
