// SPDX-License-Identifier: Apache-2.0
import HTTPWire

/// One stream of a session: a request and its response.
///
/// **Ownership**: a small value that may be kept as long as its session lives. Once the stream is closed, what is
/// asked of the session with it does nothing and says so.
///
/// Loop-affine, as its session is.
public struct HTTP2Stream: Equatable {
    /// The stream's identifier, odd and never used again in the session.
    public let id: Int32
    let serial: UInt32
    let state: UnsafeMutablePointer<StreamState>

    /// Whether the stream is still open in one direction at least.
    public var isOpen: Bool { state.pointee.serial == serial && state.pointee.id == id }

    /// What the application hung on the stream, nil before it did and after the stream's end.
    ///
    /// Neither retained nor released: what it points to is kept alive until `streamClosed`.
    public var context: UnsafeMutableRawPointer? {
        get { isOpen ? state.pointee.context : nil }
        nonmutating set { if isOpen { state.pointee.context = newValue } }
    }

    /// How many bytes of content were received that `consumed` has not given back.
    public var unconsumedByteCount: Int { isOpen ? state.pointee.unconsumedCount : 0 }

    init(_ state: UnsafeMutablePointer<StreamState>) {
        self.state = state
        id = state.pointee.id
        serial = state.pointee.serial
    }
}

/// What a session keeps for an open stream; taken from the workspace and given back to it.
///
/// SAFETY: lives until the workspace is deinitialized, which each of its sessions keeps alive. A stream that is not
/// open has `id` 0, so that an old `HTTP2Stream` is told from the stream that uses the same memory.
struct StreamState {
    var id: Int32 = 0
    var serial: UInt32 = 0
    var context: UnsafeMutableRawPointer?
    /// The next free state of the workspace, or the next open one of the session.
    var next: UnsafeMutablePointer<StreamState>?
    var previous: UnsafeMutablePointer<StreamState>?
    /// Content bytes that are still to come by Content-Length; -1 where none was given.
    var contentLeft: Int64 = -1
    var unconsumedCount = 0
    /// When content was last sent, or could first have been; of content that is whole, the latter.
    var progressed = StreamState.notSeen
    var phase = RequestPhase.head
    var response = ResponsePhase.none
    /// Whether the content of the response comes from the delegate, not from the block.
    var isStreamed = false
    /// Whether the delegate has been told of the stream.
    var isKnown = false
    /// Whether a reset by us is the application's wish, or was counted as the client's doing.
    var isResetCounted = false
    /// Whether the request is an extended CONNECT, and whether it was accepted.
    var isConnect = false
    var isConnected = false
    /// Whether the stream is reset with NO_ERROR once its response has been written.
    var resetsAtEnd = false
    /// Lines of the response head and content that was whole when it was submitted, until they are sent.
    var block: UnsafeMutableRawPointer?
    var blockCapacity = 0
    var contentStart = 0
    var contentEnd = 0
    /// The trailer section to send after the content.
    var trailers: FieldSection?

    /// Stands for a time when no one has looked yet.
    static let notSeen = Int64.min
}

/// How far the request of a stream has come.
enum RequestPhase: UInt8 {
    /// The head is coming.
    case head
    /// Content is coming.
    case content
    /// The trailer section is coming.
    case trailers
    /// The request is whole.
    case ended
    /// Content of a refused request is coming, which nobody takes.
    case dropped
    /// The request is malformed, and its stream is about to be reset.
    case refused
}

/// How far the response of a stream has come.
enum ResponsePhase: UInt8 {
    /// Nothing was submitted.
    case none
    /// Content can be sent as soon as the client's windows allow.
    case ready
    /// Content is awaited from the application.
    case waiting
    /// The last of it has been handed to the connection, or the stream is being reset.
    case ended
}
