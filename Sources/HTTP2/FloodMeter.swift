// SPDX-License-Identifier: Apache-2.0

/// What was spent of a `FloodBudget`, as nanoseconds that it takes to earn it again.
struct FloodMeter {
    /// Nanoseconds for one event.
    private let cost: Int64
    private let debtMax: Int64
    private var debt: Int64 = 0
    private var updated: Int64 = 0

    init(_ budget: FloodBudget) {
        cost = 1_000_000_000 / Int64(budget.perSecond)
        debtMax = cost * Int64(budget.burst)
    }

    /// Spends on `count` events; false where that is more than there is.
    mutating func spend(_ count: Int64, now: Int64) -> Bool {
        if now > updated {
            debt = max(0, debt &- (now &- updated))
            updated = now
        }
        debt &+= count &* cost
        return debt <= debtMax
    }

    /// Gives back what `count` events cost.
    mutating func giveBack(_ count: Int64) {
        debt = max(0, debt &- count &* cost)
    }
}
