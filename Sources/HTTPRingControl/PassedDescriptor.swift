// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A descriptor that came with, or goes with, a control message: closed once, when nobody holds it any more.
public final class PassedDescriptor: Sendable {
    private let number: Atomic<Int32>

    /// Takes over a descriptor.
    public init(_ number: Int32) { self.number = Atomic(number) }

    deinit {
        let number = take()
        if number >= 0 { close(number) }
    }

    /// The descriptor, which stays ours; -1 once it was taken.
    public var value: Int32 { number.load(ordering: .relaxed) }

    /// Hands the descriptor over to the caller, who closes it; -1 from then on.
    public func take() -> Int32 { number.exchange(-1, ordering: .relaxed) }
}
