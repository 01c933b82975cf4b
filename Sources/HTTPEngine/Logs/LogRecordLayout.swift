// SPDX-License-Identifier: Apache-2.0

/// How a record lies in the ring: prefix, the record's struct, then its texts end to end.
///
/// Every record starts on a multiple of eight and is contiguous; one that would cross the end of the ring
/// is preceded by padding up to that end and starts at the ring's first byte.
struct LogRecordPrefix {
    /// Bytes from this prefix to the next, always a multiple of eight.
    var byteCount: UInt32
    /// What follows the prefix.
    ///
    /// Padding has nothing behind its first eight bytes.
    var kind: LogRecordKind
    /// The length of each text, in the order in which they lie.
    var texts: LogTextCounts

    /// Bytes a prefix takes, with what keeps the struct behind it aligned.
    static let stride = 24
}

/// The kinds of record in a ring.
enum LogRecordKind: UInt8 {
    case padding, error, access
}

/// The byte counts of the texts of one record, each already cut to its limit.
struct LogTextCounts {
    var method: UInt16 = 0
    var uri: UInt16 = 0
    /// The queue name of an error, the user of an access.
    var name: UInt16 = 0
    var host: UInt16 = 0
    var userAgent: UInt16 = 0
    var referer: UInt16 = 0

    /// The sum, which fits 16 bits because the limits do.
    var total: Int {
        Int(method) &+ Int(uri) &+ Int(name) &+ Int(host) &+ Int(userAgent) &+ Int(referer)
    }
}

/// How much of each text a record keeps; what is longer is cut.
///
/// **Source**: HTTP.sys cuts the verb at 255 bytes and the URI at 4096; the other four are ours.
package enum LogTextLimit {
    /// Bytes of a method.
    package static let method = 255
    /// Bytes of a request target, path and query together.
    package static let uri = 4096
    /// Bytes of a queue name or a user name.
    package static let name = 255
    /// Bytes of a `Host` value.
    package static let host = 255
    /// Bytes of a `User-Agent` value.
    package static let userAgent = 1024
    /// Bytes of a `Referer` value.
    package static let referer = 1024

    static let total = method + uri + name + host + userAgent + referer
    /// The largest record there is; a ring holds at least two.
    static let recordBytes = 7168
    /// The longest line there is: each text byte can become four, and the fixed columns take under 512.
    static let lineBytes = total * 4 + 512
}
