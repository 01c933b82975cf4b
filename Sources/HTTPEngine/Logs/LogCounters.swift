// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What the logs lost on the way out, for any thread to read.
final class LogCounters: Sendable {
    private let lost = Atomic<UInt64>(0)

    /// Lines that no sink took, because of an error or a reader that did not read.
    var lostLineCount: UInt64 { lost.load(ordering: .relaxed) }

    /// Counts lines that no sink took.
    func addLost(_ count: UInt64) {
        lost.wrappingAdd(count, ordering: .relaxed)
    }
}

/// How many records and lines the logs lost since they began.
package struct LogDrops: Equatable, Sendable {
    /// Error records that found their ring full.
    package var errors: UInt64 = 0
    /// Access records that found their ring full, but for the eighth that is kept for errors.
    package var accesses: UInt64 = 0
    /// Lines that their sink did not take.
    package var unwrittenLines: UInt64 = 0

    /// Everything that was lost.
    package var total: UInt64 { errors &+ accesses &+ unwrittenLines }
}
