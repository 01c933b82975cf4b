// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire
import IORing

/// What carries an exchange: where its request's content comes from and its response goes.
///
/// Loop-affine. The exchange decides what is sent and when; its driver knows how that looks in its protocol:
/// the framing, the place in the connection's output, and what an error does to the connection or stream.
/// One for an HTTP/1 connection, one for each stream of HTTP/2, one for a request that came through a queue.
protocol ExchangeDriver: AnyObject {
    /// Bytes of this exchange's response that the kernel, or the peer's window, has not taken yet.
    var unsentByteCount: Int { get }

    /// The slowest client tolerated while a response is sent, in bytes a second; 0 for any.
    var minSendBytesPerSecond: Int { get set }

    /// Both ends of the connection, where there is one.
    var addresses: ConnectionAddresses? { get }

    /// Facts about the connection's TLS, where it has one.
    var tlsFacts: TLSFacts? { get }

    /// Whether what carries it takes no more requests, apart from its loop.
    var isDraining: Bool { get }

    // MARK: Queue

    /// The exchange must wait for its turn, so long at most.
    func exchangeWaits(_ exchange: Exchange, timeout: Duration)

    /// Its turn has come.
    func exchangeDelivered(_ exchange: Exchange)

    /// Its queue does not take it: answers as the queue's verbosity says.
    func reject(_ exchange: Exchange, _ refusal: Refusal)

    // MARK: Content

    /// Takes the next piece of content that has arrived.
    ///
    /// - Returns: `nil` when there is nothing yet; empty at the end, which it notes in the exchange.
    /// - Throws: `BadHTTPRequestError` where the content can't be read to its end.
    func readContent(of exchange: Exchange, upTo byteCountMax: Int) throws -> [UInt8]?

    /// The handler waits for content: starts the clock.
    ///
    /// - Returns: whether there is one to stop.
    func beginContentWait(_ exchange: Exchange) -> Bool

    /// Stops the clock.
    func endContentWait(_ exchange: Exchange)

    // MARK: Response

    /// Something was put into the exchange's `body` or `wholeBody` that is to leave with this iteration.
    func contentGathered(_ exchange: Exchange)

    /// Decides the framing and writes the head.
    ///
    /// Once for a response. With `isWhole` all of the content is at hand, so that its length is known.
    func writeHead(of exchange: Exchange, isWhole: Bool)

    /// Writes content; the bytes are copied.
    func write(_ bytes: UnsafeRawBufferPointer, of exchange: Exchange)

    /// Writes content, kept by reference until it has gone.
    func write(_ bytes: [UInt8], of exchange: Exchange)

    /// Ends the message, with the exchange's trailers if it has any.
    func writeEnd(of exchange: Exchange)

    /// Has the output looked at when the iteration ends.
    func touchOutput()

    /// Sends an interim response.
    func writeInterim(_ statusCode: Int, _ fields: FieldSection, of exchange: Exchange)

    /// The connection to send a file's pages to without a copy, where the response is plain bytes on it.
    func directOutput(of exchange: Exchange) -> Connection?

    /// Hands over part of an open file, as content, to whoever sends the response.
    ///
    /// Until `unsentByteCount` is 0 nothing else may be written; the descriptor is no longer needed.
    ///
    /// - Returns: `false` where the content has to be written.
    func passFile(_ descriptor: Int32, offset: Int64, byteCount: Int64) -> Bool

    // MARK: End

    /// The handler has returned and the response is written.
    func exchangeFinished(_ exchange: Exchange)

    /// Ends the exchange so that the client sees a failure: part of a response is out that will not be whole.
    func abort(_ exchange: Exchange)

    /// Ends a stream with an error code of its protocol; without effect where there are none.
    func reset(_ exchange: Exchange, errorCode: UInt32)

    /// Hands the two directions to the application; the head has been written.
    func upgrade(_ exchange: Exchange) -> any UpgradedStream

    /// The handler of an upgraded exchange has returned.
    func endUpgraded(_ exchange: Exchange)
}

extension ExchangeDriver {
    /// Its loop alone says so.
    var isDraining: Bool { false }

    /// Sends files itself.
    func passFile(_ descriptor: Int32, offset: Int64, byteCount: Int64) -> Bool { false }
}

/// The two directions of an exchange that was handed over to another protocol, as its driver sees them.
///
/// Loop-affine.
protocol UpgradedStream: HTTPDuplexStream {
    /// Bytes have arrived, or the peer's end.
    func inputArrived()

    /// Nothing more goes in or out.
    func connectionEnded()
}
