// SPDX-License-Identifier: Apache-2.0

import Synchronization

extension WebSocket {
    /// Starts to look after an idle peer, where the options say so.
    ///
    /// The task sleeps, and does not keep the socket.
    func startKeepAlive(_ options: WebSocketOptions, isolation: isolated (any Actor)?) {
        guard let interval = options.keepAliveInterval, interval > .zero else { return }
        let (clock, timeout) = (options.clock, options.keepAliveTimeout)
        let task = Task { [weak self] in
            // On the isolation of whoever accepted the socket, where it has one.
            _ = isolation
            while let readCount = self?.readCount, (try? await clock.sleep(for: interval)) != nil {
                guard self?.readCount == readCount else { continue }
                guard (try? await self?.ping()) != nil else { return }
                guard let timeout, let mark = self?.waitingReadCount else { continue }
                guard (try? await clock.sleep(for: timeout)) != nil else { return }
                guard self?.waitingReadCount == mark else { continue }
                await self?.giveUp()
                return
            }
        }
        timers.withLock { $0.keepAlive = task }
    }

    /// How many reads have ended.
    private var readCount: Int { incoming.withLock { $0.readCount } }

    /// The same while a receiver waits for bytes; `nil` while none does, since then nothing can show.
    private var waitingReadCount: Int? { incoming.withLock { $0.isReading ? $0.readCount : nil } }

    private func giveUp() async {
        incoming.withLock { $0.fail(WebSocketError(.keepAliveTimeout)) }
        await stream.abandon()
    }
}
