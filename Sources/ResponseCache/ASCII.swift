// SPDX-License-Identifier: Apache-2.0

/// The few things about ASCII text that keys and flush patterns need.
enum ASCII {
    /// Returns a byte with `A`–`Z` turned into `a`–`z`.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }
}
