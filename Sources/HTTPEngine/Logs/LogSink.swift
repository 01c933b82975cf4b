// SPDX-License-Identifier: Apache-2.0

/// Where the lines of a log go.
public enum LogSink: Sendable {
    /// An open descriptor, such as 2 for standard error. It stays the caller's to close.
    ///
    /// A pipe or terminal whose reader takes nothing for a second loses lines rather than hold up the log.
    case descriptor(Int32)
    /// Files in a directory, one after another.
    case files(LogFiles)
    /// A function that gets each line without its end, on the log's own thread; all of it is ASCII.
    ///
    /// While it works both logs wait, and it cannot itself wait for a flush.
    case lines(@Sendable (String) -> Void)
}

/// A directory of log files: when a new one begins and how many stay.
///
/// Named as HTTP.sys names them: by size `httperr1.log`, `extend1.log` (W3C), `ncsa1.log`; by day
/// `ht261122.log`, `ex261122.log`, `nc261122.log`; by hour the same with two more digits. UTC throughout.
public struct LogFiles: Sendable {
    /// The directory.
    ///
    /// It is created, for its owner and group only, if just its last component is missing.
    public var directory: String
    /// When a new file begins.
    public var rotation: LogRotation
    /// How many files stay, the open one included; nil keeps all.
    ///
    /// The oldest are deleted when a file begins.
    ///
    /// Peers decide how much is logged, therefore this has a bound unless it is taken away.
    public var filesMax: Int?

    /// Creates the description of a directory of log files.
    public init(directory: String, rotation: LogRotation = .size(bytes: 16 << 20), filesMax: Int? = 100) {
        self.directory = directory
        self.rotation = rotation
        self.filesMax = filesMax
    }
}

/// When a log goes on in a new file.
public enum LogRotation: Sendable, Equatable {
    /// When the file has reached this size, at least 1 MiB; the line that reaches it is still whole in it.
    case size(bytes: Int)
    /// Each day of UTC that has lines.
    case daily
    /// Each hour of UTC that has lines.
    case hourly

    /// The smallest size after which a new file may begin, as in HTTP.sys.
    public static let sizeMin = 1 << 20
}
