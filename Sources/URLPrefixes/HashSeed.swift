// SPDX-License-Identifier: Apache-2.0

/// Hashes folded bytes, eight at a time, under a secret, so that peers cannot aim at collisions.
///
/// A hash grows with its input and can be read off at any byte: `absorb` takes whole words, `finish` the rest.
/// The mixing step is a 64 × 64 multiplication whose halves are folded, as in wyhash.
struct HashSeed: Sendable {
    private let state: UInt64
    private let multiplier: UInt64
    private let lengthMultiplier: UInt64

    /// Makes a seed from two numbers; any are good, secret ones are safe.
    init(_ first: UInt64, _ second: UInt64) {
        self.state = first
        // Odd, with bits set in both halves, so that no choice of seed makes mixing lose its input.
        self.multiplier = second | 0x8000_0001_0000_0001
        self.lengthMultiplier = 0x9E37_79B9_7F4A_7C15
    }

    /// Makes a seed from the system's random numbers.
    static func random() -> HashSeed {
        HashSeed(UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))
    }

    /// Starts a hash in the name space `domain`.
    @inline(__always)
    func start(_ domain: UInt32) -> UInt64 {
        state ^ (UInt64(domain) &* lengthMultiplier)
    }

    /// Takes the next eight bytes.
    @inline(__always)
    func absorb(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        Self.mix(hash ^ word, multiplier)
    }

    /// Takes the last zero to seven bytes, as a word filled up with zeros, and the count of all bytes.
    @inline(__always)
    func finish(_ hash: UInt64, _ rest: UInt64, byteCount: Int) -> UInt64 {
        let length = UInt64(truncatingIfNeeded: byteCount) &* lengthMultiplier
        return Self.mix(hash ^ rest ^ length, multiplier &+ length)
    }

    @inline(__always)
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
