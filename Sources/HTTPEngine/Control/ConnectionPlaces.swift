// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The connection limit, shared by all loops.
///
/// With ample room loops accept as many as come and count them after; near the limit they accept one at a
/// time and leave it alone until it has a place, so that the limit holds exactly.
final class ConnectionPlaces: Sendable {
    /// Room that a burst of accepted connections on one loop may use up unseen.
    static let ampleCount = 1024

    let limit: Int?
    private let taken = Atomic<Int>(0)
    private let isAwaited = Atomic<Bool>(false)
    private let placeIsFree: @Sendable () -> Void

    /// Makes places for `limit` connections.
    ///
    /// - Parameters:
    ///   - limit: how many; `nil` for any number.
    ///   - placeIsFree: called, by the loop that released it, when a place is free that was waited for.
    init(limit: Int?, placeIsFree: @escaping @Sendable () -> Void) {
        self.limit = limit
        self.placeIsFree = placeIsFree
    }

    /// Places taken now.
    var takenCount: Int { taken.load(ordering: .relaxed) }

    var hasAmpleRoom: Bool {
        guard let limit else { return true }
        return limit - taken.load(ordering: .relaxed) > ConnectionPlaces.ampleCount
    }

    func take() -> Bool {
        guard let limit else {
            takeUnchecked()
            return true
        }
        if taken.add(1, ordering: .relaxed).newValue <= limit { return true }
        taken.subtract(1, ordering: .relaxed)
        return false
    }

    func takeUnchecked() { taken.add(1, ordering: .relaxed) }

    func release() {
        taken.subtract(1, ordering: .sequentiallyConsistent)
        guard limit != nil, isAwaited.load(ordering: .sequentiallyConsistent) else { return }
        if isAwaited.exchange(false, ordering: .sequentiallyConsistent) { placeIsFree() }
    }

    /// Asks for a call when a place becomes free; one that became free meanwhile counts, too.
    func waitForPlace() {
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        guard let limit, taken.load(ordering: .sequentiallyConsistent) < limit else { return }
        if isAwaited.exchange(false, ordering: .sequentiallyConsistent) { placeIsFree() }
    }
}
