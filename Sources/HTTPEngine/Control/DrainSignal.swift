// SPDX-License-Identifier: Apache-2.0

/// Tells when every loop has drained.
///
/// Any thread.
final class DrainSignal: Sendable {
    private let events: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    init() { (events, source) = AsyncStream.makeStream() }

    /// One more loop has drained.
    func one() { source.yield() }

    /// Waits until so many loops have said so, before this call or during it, or the deadline has come.
    func wait(for count: Int, atMost deadline: Duration) async {
        guard count > 0 else { return }
        await withTaskGroup { [events] group in
            group.addTask {
                var remaining = count
                for await _ in events {
                    remaining -= 1
                    if remaining == 0 { return }
                }
            }
            group.addTask { try? await Task.sleep(for: deadline) }
            await group.next()
            group.cancelAll()
        }
    }
}
