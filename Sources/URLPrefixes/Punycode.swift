// SPDX-License-Identifier: Apache-2.0

/// Encodes labels of internationalised names.
///
/// Source: RFC 3492.
enum Punycode {
    private static let base = 36
    private static let tMin = 1
    private static let tMax = 26
    private static let skew = 38
    private static let damp = 700
    private static let initialBias = 72
    private static let initialN: UInt32 = 128

    /// Returns the encoding of `scalars`, without the `xn--` in front.
    ///
    /// Limit: a label of more than 63 scalars, which no encoding makes short enough for a name, comes back as
    /// a filler of the same count, so that the quadratic cost is bounded. The caller refuses it for its length.
    static func encode(_ scalars: [UInt32]) -> [UInt8] {
        guard scalars.count <= HostName.labelBytesMax else {
            return [UInt8](repeating: UInt8(ascii: "x"), count: scalars.count)
        }
        var output = scalars.filter { $0 < initialN }.map { UInt8(truncatingIfNeeded: $0) }
        let basicCount = output.count
        if basicCount > 0 { output.append(UInt8(ascii: "-")) }
        var n = initialN
        var delta = 0
        var bias = initialBias
        var handled = basicCount
        while handled < scalars.count {
            guard let next = scalars.filter({ $0 >= n }).min() else { break }
            // At most 63 scalars of at most 21 bits: the product stays far below 64 bits.
            delta += Int(next - n) * (handled + 1)
            n = next
            for scalar in scalars {
                if scalar < n { delta += 1 }
                if scalar == n {
                    appendInteger(delta, bias: bias, to: &output)
                    bias = adapt(delta, count: handled + 1, isFirst: handled == basicCount)
                    delta = 0
                    handled += 1
                }
            }
            delta += 1
            n += 1
        }
        return output
    }

    private static func appendInteger(_ value: Int, bias: Int, to output: inout [UInt8]) {
        var quotient = value
        var k = base
        while true {
            let threshold = min(max(k - bias, tMin), tMax)
            if quotient < threshold { break }
            output.append(digit(threshold + (quotient - threshold) % (base - threshold)))
            quotient = (quotient - threshold) / (base - threshold)
            k += base
        }
        output.append(digit(quotient))
    }

    private static func adapt(_ delta: Int, count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / damp : delta / 2
        delta += delta / count
        var k = 0
        while delta > (base - tMin) * tMax / 2 {
            delta /= base - tMin
            k += base
        }
        return k + (base - tMin + 1) * delta / (delta + skew)
    }

    private static func digit(_ value: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: value < 26 ? value + 0x61 : value - 26 + 0x30)
    }
}
