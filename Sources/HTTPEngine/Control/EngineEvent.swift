// SPDX-License-Identifier: Apache-2.0

/// Something the engine's host may want to log or count; told on a loop's thread, so handle it briefly.
public enum EngineEvent: Sendable {
    /// A handler ended with an error; the client got 500, or the end of its connection.
    case handlerFailed(error: any Error, request: String)
    /// Accepting rests at an address for want of descriptors or memory; it goes on by itself.
    case acceptPaused(endpoint: String, errno: Int32)
}

/// Why the engine could not do what its host asked.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    /// What was asked, what prevented it, and what to do.
    public let description: String

    /// Makes an error.
    public init(_ description: String) { self.description = description }
}
