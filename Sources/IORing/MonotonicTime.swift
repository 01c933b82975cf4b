// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A point on the monotonic clock, in nanoseconds since the machine started.
///
/// Any thread. The clock is `CLOCK_MONOTONIC`: it never steps, and stands still while the machine sleeps.
/// Arithmetic saturates: adding a duration that does not fit gives `distantFuture`, never a trap.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since the machine started.
    public var nanoseconds: Int64

    /// Makes a point of time from its distance to the start of the machine.
    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// A point of time that never comes.
    @inlinable
    public static var distantFuture: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    /// Reads the clock; on a loop prefer `Loop.now`, which is read once an iteration.
    ///
    /// Cost: one vDSO call, about 25 ns.
    public static func read() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    /// The point of time `duration` later (or earlier, when it is negative).
    @inlinable
    public func adding(_ duration: Duration) -> MonotonicTime {
        adding(nanoseconds: duration.saturatedNanoseconds)
    }

    /// The point of time `nanoseconds` later (or earlier, when negative).
    @inlinable
    public func adding(nanoseconds count: Int64) -> MonotonicTime {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(count)
        guard overflow else { return MonotonicTime(nanoseconds: sum) }
        return MonotonicTime(nanoseconds: count < 0 ? .min : .max)
    }

    /// The point of time `duration` after `time`.
    @inlinable
    public static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        time.adding(duration)
    }

    /// The time that passes from `earlier` to `later`; negative when they are the other way round.
    @inlinable
    public static func - (later: MonotonicTime, earlier: MonotonicTime) -> Duration {
        let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        guard overflow else { return .nanoseconds(difference) }
        return .nanoseconds(later > earlier ? Int64.max : Int64.min)
    }

    /// Whether `left` comes before `right`.
    @inlinable
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// The duration in whole nanoseconds, held at the ends of what 64 bits can say (292 years).
    @inlinable
    public var saturatedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, sumOverflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        guard !sumOverflow else { return seconds < 0 ? .min : .max }
        return sum
    }
}
