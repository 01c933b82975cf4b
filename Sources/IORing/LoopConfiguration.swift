// SPDX-License-Identifier: Apache-2.0

extension Loop {
    /// The sizes and the placement of a loop.
    ///
    /// Memory: about 64 bytes for each submission entry, 16 for each completion entry and
    /// `bufferCount * bufferByteCount` for receive buffers, faulted in at start; large ones take theirs when they are
    /// first used. The queues and the buffer rings, 220 KiB by default, count against `RLIMIT_MEMLOCK` of an
    /// unprivileged user.
    public struct Configuration: Sendable {
        /// Entries of the submission queue; rounded up to a power of two, at most 32768.
        public var submissionEntries: Int
        /// Entries of the completion queue; rounded up to a power of two, at most 65536.
        public var completionEntries: Int
        /// Receive buffers; rounded up to a power of two, at most 32768.
        public var bufferCount: Int
        /// The size of each receive buffer, 64 bytes to 1 MiB.
        public var bufferByteCount: Int
        /// Receive buffers for sockets that much comes from at once; rounded as `bufferCount`.
        public var largeBufferCount: Int
        /// The size of each of those, up to 1 MiB.
        public var largeBufferByteCount: Int
        /// The processor the thread is pinned to; `nil` leaves that to the scheduler.
        public var pinnedCPU: Int?
        /// The name of the thread; the kernel keeps 15 bytes.
        public var name: String
        /// How long the loop polls after its last work before it sleeps; zero sleeps at once.
        public var spin: Duration

        /// Whether to ask for `DEFER_TASKRUN` at all; off, a test runs in the mode of older kernels.
        var defersTaskRun = true

        /// Makes a configuration; each value left out has the default that suits small requests.
        public init(
            submissionEntries: Int = 1024,
            completionEntries: Int = 8192,
            bufferCount: Int = 1024,
            bufferByteCount: Int = 2048,
            largeBufferCount: Int = 32,
            largeBufferByteCount: Int = 64 << 10,
            pinnedCPU: Int? = nil,
            name: String = "loop",
            spin: Duration = .zero
        ) {
            self.submissionEntries = submissionEntries
            self.completionEntries = completionEntries
            self.bufferCount = bufferCount
            self.bufferByteCount = bufferByteCount
            self.largeBufferCount = largeBufferCount
            self.largeBufferByteCount = largeBufferByteCount
            self.pinnedCPU = pinnedCPU
            self.name = name
            self.spin = spin
        }

        /// The configuration with every number brought into its range.
        var bounded: Configuration {
            var result = self
            result.submissionEntries = min(max(submissionEntries, 1), 32768)
            result.completionEntries = min(max(completionEntries, result.submissionEntries, 1), 65536)
            result.bufferCount = Self.powerOfTwo(atLeast: min(max(bufferCount, 1), BufferRing.countMax))
            result.bufferByteCount = min(max(bufferByteCount, 64), 1 << 20)
            let largeCount = min(max(largeBufferCount, 1), BufferRing.countMax)
            result.largeBufferCount = Self.powerOfTwo(atLeast: largeCount)
            result.largeBufferByteCount = min(max(largeBufferByteCount, result.bufferByteCount), 1 << 20)
            return result
        }

        private static func powerOfTwo(atLeast value: Int) -> Int {
            value <= 1 ? 1 : 1 << (Int.bitWidth - (value - 1).leadingZeroBitCount)
        }
    }
}
