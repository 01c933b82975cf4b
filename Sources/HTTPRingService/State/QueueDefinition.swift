// SPDX-License-Identifier: Apache-2.0

public import HTTPEngine
public import URLPrefixes

/// A request queue that outlives its processes, with what may start one.
///
/// While the service runs, its prefixes are registered and its requests wait for whoever attaches.
public struct QueueDefinition: Hashable, Sendable {
    /// Its name; see `isName(_:)`.
    public var name: String
    /// Who may attach to it, besides administrators.
    public var access: [AccessControlList.Subject]
    /// The prefixes whose requests it takes.
    public var prefixes: [URLPrefix]
    /// Requests that may wait in it.
    public var lengthMax: Int = 1000
    /// What a client sees of a refused request.
    public var verbosity: Verbosity503 = .limited
    /// Whether it takes requests; off, they get 503.
    public var isEnabled = true
    /// The systemd unit that serves it, started by the first request; `nil` waits for somebody to attach.
    public var unit: String?
    /// Seconds after its start in which a process must be ready.
    public var startupSeconds: Int = 90
    /// Seconds without a request after which its processes are told to end; 0 is never.
    public var idleSeconds: Int = 0
    /// Seconds in which a process must say that it is alive when asked; 0 asks never.
    public var pingSeconds: Int = 90

    /// Makes a definition.
    public init(name: String, access: [AccessControlList.Subject] = [], prefixes: [URLPrefix] = []) {
        self.name = name
        self.access = access
        self.prefixes = prefixes
    }

    /// Lengths a queue may have.
    public static let lengths = 1...65535
    /// Seconds of its time limits.
    public static let seconds = 0...86_400
    /// The most prefixes one queue may have.
    public static let prefixesMax = 1000

    /// Whether a text may name a queue: 1 to 64 letters, digits, `.`, `_`, `-` or `@`, no dot first.
    public static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: ".")
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "._-@".utf8.contains(byte)
            }
    }
}

extension Verbosity503 {
    /// Its name: `basic`, `limited` or `full`.
    public var text: String {
        switch self {
        case .basic: "basic"
        case .limited: "limited"
        case .full: "full"
        }
    }

    /// Reads what `text` writes.
    public init?(text: String) {
        switch text {
        case "basic": self = .basic
        case "limited": self = .limited
        case "full": self = .full
        default: return nil
        }
    }
}
