// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import IORing

private let slot: Int64 = 1 << 24

private func time(_ nanoseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: nanoseconds) }

private func milliseconds(_ count: Int64) -> MonotonicTime { time(count * 1_000_000) }

extension TimerWheel {
    fileprivate mutating func expire(at now: MonotonicTime) -> [UInt32] {
        var due: [UInt32] = []
        while let index = popExpired(at: now) {
            due.append(index)
        }
        return due
    }
}

@Suite("The timer wheel")
struct TimerWheelTests {
    @Test(
        "An entry comes due never before its deadline and within one slot after it",
        arguments: [
            0, 1, 5, 16, 17, 100, 999, 16_000, 17_000, 17_180, 20_000, 120_000, 3_600_000, 86_400_000,
        ]
            as [Int64],
        [0, 3, 1_000_000, 123_456_789] as [Int64]
    )
    func precision(delay: Int64, start: Int64) {
        var wheel = TimerWheel(now: time(start))
        let deadline = time(start + delay * 1_000_000)
        wheel.schedule(7, at: deadline)
        var now = time(start)
        var steps = 0
        while true {
            let due = wheel.expire(at: now)
            if !due.isEmpty {
                #expect(due == [7])
                #expect(now >= deadline)
                #expect(now.nanoseconds - deadline.nanoseconds <= 2 * slot)
                break
            }
            guard let next = wheel.nextDeadline else {
                Issue.record("the wheel forgot its entry")
                break
            }
            #expect(next > now)
            now = next
            steps += 1
        }
        // One look for each round of the wheel, not one for each slot.
        #expect(steps <= Int(delay / 17_000) + 2)
        #expect(wheel.count == 0)
        #expect(wheel.nextDeadline == nil)
    }

    @Test("Against a table of deadlines, in any order of scheduling, pushing back and cancelling")
    func model() {
        var random = SplitMix(state: 42)
        var mistakes: [String] = []
        for _ in 0..<8 {
            var wheel = TimerWheel(now: time(0))
            var model: [UInt32: Int64] = [:]
            var now: Int64 = 0
            for step in 0..<1000 {
                let index = UInt32(random.next() % 100)
                switch random.next() % 8 {
                case 0...3:
                    let deadline = now + Int64(random.next() % 40_000) * 1_000_000
                    wheel.schedule(index, at: time(deadline))
                    model[index] = deadline
                case 4:
                    wheel.cancel(index)
                    model[index] = nil
                default:
                    now += Int64(random.next() % 500) * 1_000_000
                    for due in wheel.expire(at: time(now)) {
                        guard let deadline = model.removeValue(forKey: due), deadline <= now else {
                            mistakes.append("step \(step): \(due) came early or twice")
                            continue
                        }
                    }
                    if !agrees(wheel, model, now) {
                        mistakes.append("step \(step): the wheel differs at \(now)")
                    }
                }
                if wheel.count != model.count || wheel.isScheduled(index) != (model[index] != nil) {
                    mistakes.append("step \(step): \(index) is wrong")
                }
            }
        }
        #expect(mistakes == [])
    }

    /// Whether nothing that should have come is left, and the wheel asks to be looked at in time.
    private func agrees(_ wheel: TimerWheel, _ model: [UInt32: Int64], _ now: Int64) -> Bool {
        guard let soonest = model.values.min() else { return wheel.nextDeadline == nil }
        guard soonest > now - 2 * slot, let next = wheel.nextDeadline else { return false }
        return next.nanoseconds > now && next.nanoseconds <= soonest + 2 * slot
    }

    @Test(
        "An entry that schedules itself in the past while it expires does not expire again in the same turn"
    )
    func selfScheduling() {
        var wheel = TimerWheel(now: time(0))
        wheel.schedule(1, at: milliseconds(1))
        let now = milliseconds(500)
        let due1 = wheel.popExpired(at: now)
        #expect(due1 == 1)
        wheel.schedule(1, at: milliseconds(2))
        let due2 = wheel.popExpired(at: now)
        #expect(due2 == nil)
        let due3 = wheel.expire(at: milliseconds(520))
        #expect(due3 == [1])
    }

    @Test("Entries that are due may cancel and push back each other while they expire")
    func changesWhileExpiring() {
        var wheel = TimerWheel(now: time(0))
        for index in 0..<6 as Range<UInt32> {
            wheel.schedule(index, at: milliseconds(10))
        }
        let now = milliseconds(100)
        let first = wheel.popExpired(at: now)
        #expect(first != nil)
        for index in 0..<6 as Range<UInt32> where index != first && index % 2 == 0 {
            wheel.cancel(index)
        }
        for index in 0..<6 as Range<UInt32> where index != first && index % 2 == 1 {
            wheel.schedule(index, at: milliseconds(300))
        }
        let due4 = wheel.popExpired(at: now)
        #expect(due4 == nil)
        let due5 = wheel.expire(at: milliseconds(400))
        #expect(Set(due5).isSubset(of: [1, 3, 5]))
        #expect(wheel.count == 0)
    }

    @Test("After a long sleep every entry that is due comes, whatever its round")
    func longSleep() {
        var wheel = TimerWheel(now: time(0))
        for index in 0..<5000 as Range<UInt32> {
            wheel.schedule(index, at: milliseconds(Int64(index) * 37))
        }
        let due6 = wheel.expire(at: milliseconds(50_000))
        #expect(due6.count == 1352)
        let due7 = wheel.expire(at: milliseconds(1_000_000))
        #expect(due7.count == 5000 - 1352)
    }

    @Test("Deadlines at the ends of time neither trap nor come due early")
    func extremes() {
        var wheel = TimerWheel(now: milliseconds(5))
        wheel.schedule(0, at: .distantFuture)
        wheel.schedule(1, at: time(.min))
        wheel.schedule(70_000, at: time(-1))
        let due8 = wheel.expire(at: milliseconds(40))
        #expect(Set(due8) == [1, 70_000])
        let due9 = wheel.expire(at: milliseconds(1_000_000))
        #expect(due9 == [])
        #expect(wheel.isScheduled(0))
        #expect(!wheel.isScheduled(TimerWheel.indexMax))
        wheel.cancel(TimerWheel.indexMax)
        #expect(wheel.count == 1)
    }

    @Test("A clock that stands still or goes back does no harm")
    func clockGoesBack() {
        var wheel = TimerWheel(now: milliseconds(1000))
        wheel.schedule(1, at: milliseconds(1100))
        let due10 = wheel.expire(at: milliseconds(1050))
        #expect(due10 == [])
        let due11 = wheel.expire(at: milliseconds(100))
        #expect(due11 == [])
        let due12 = wheel.expire(at: milliseconds(1120))
        #expect(due12 == [1])
    }
}

/// A small generator of numbers that are the same in each run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
