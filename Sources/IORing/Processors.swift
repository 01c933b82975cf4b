// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The processors this process may run on.
public enum Processors {
    /// Their numbers, ascending; at least one.
    ///
    /// Cost: a system call. Source: sched_getaffinity(2).
    public static var usable: [Int] {
        var bits = [UInt8](repeating: 0, count: 1024)
        let count = Int(hr_usable_processors(&bits, bits.count))
        guard count > 0 else { return [0] }
        let numbers = (0..<count * 8).filter { bits[$0 / 8] & (1 << UInt8($0 % 8)) != 0 }
        return numbers.isEmpty ? [0] : numbers
    }
}
