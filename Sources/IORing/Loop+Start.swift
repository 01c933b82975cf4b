// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

extension Loop {
    /// Starts a loop on a new thread and returns when it runs.
    ///
    /// `makeDelegate` is called on the new thread with the loop ready for operations; the loop keeps the
    /// delegate until it has ended. A loop runs until `stop()`, whether or not somebody holds it.
    ///
    /// Blocks the caller for the set-up, about a millisecond.
    ///
    /// - Throws: what the environment refused, in words: io_uring forbidden (`EPERM`), absent (`ENOSYS`), short of
    ///   locked memory (`ENOMEM`), kernel too old (`EINVAL`); or what `makeDelegate` threw.
    public static func start(
        _ configuration: Configuration,
        makeDelegate: @escaping @Sendable (Loop) throws -> any LoopDelegate
    ) throws(IORingError) -> Loop {
        let start = LoopStart()
        let bounded = configuration.bounded
        let body = Unmanaged.passRetained(
            ThreadBody {
                Loop.threadMain(bounded, start, makeDelegate)
            }
        )
        if let code = startThread(body) {
            body.release()
            throw IORingError(
                operation: "pthread_create",
                code: code,
                advice: "The limit of threads or memory is reached (ulimit -u, pids cgroup)"
            )
        }
        return try start.wait()
    }

    /// The body of a loop's thread.
    private static func threadMain(
        _ configuration: Configuration,
        _ start: LoopStart,
        _ makeDelegate: (Loop) throws -> any LoopDelegate
    ) {
        let loop: Loop
        let delegate: any LoopDelegate
        do throws(IORingError) {
            hr_name_thread(configuration.name)
            if let cpu = configuration.pinnedCPU {
                try pin(to: cpu)
            }
            loop = try create(configuration)
            do {
                delegate = try makeDelegate(loop)
            } catch {
                loop.abandonStart()
                throw (error as? IORingError)
                    ?? IORingError(
                        operation: "start",
                        object: configuration.name,
                        code: 0,
                        advice: "\(error)"
                    )
            }
        } catch {
            start.complete(.failure(error))
            return
        }
        start.complete(.success(loop))
        loop.run(delegate)
    }

    private static func pin(to cpu: Int) throws(IORingError) {
        let code = hr_pin_thread(Int32(clamping: cpu))
        guard code == 0 else {
            throw IORingError(
                operation: "pthread_setaffinity_np",
                object: "to CPU \(cpu)",
                code: code,
                advice:
                    "The CPU does not exist or the process's cpuset leaves it out (see taskset -p, cpuset.cpus)"
            )
        }
    }

    /// Creates ring, buffers and doorbell of the calling thread.
    private static func create(_ configuration: Configuration) throws(IORingError) -> Loop {
        var ring = try Ring.create(
            submissionEntries: configuration.submissionEntries,
            completionEntries: configuration.completionEntries,
            deferring: configuration.defersTaskRun
        )
        var buffers: BufferRing
        let largeBuffers: BufferRing
        do throws(IORingError) {
            buffers = try BufferRing.create(
                for: &ring,
                count: configuration.bufferCount,
                bufferByteCount: configuration.bufferByteCount
            )
        } catch {
            ring.destroy()
            throw error
        }
        do throws(IORingError) {
            largeBuffers = try BufferRing.create(
                for: &ring,
                group: BufferRing.largeGroup,
                count: configuration.largeBufferCount,
                bufferByteCount: configuration.largeBufferByteCount
            )
        } catch {
            ring.destroy()
            buffers.destroy()
            throw error
        }
        do throws(IORingError) {
            let hasVectorisedSend = try ring.preflight(&buffers)
            let doorbell = hr_eventfd()
            guard doorbell >= 0 else { throw IORingError(setUp: "eventfd", code: errno) }
            let loop = Loop(
                configuration: configuration,
                ring: ring,
                buffers: buffers,
                largeBuffers: largeBuffers,
                doorbell: doorbell
            )
            loop.core.pointee.hasVectorisedSend = hasVectorisedSend
            return loop
        } catch {
            // The ring first: until it is closed the kernel may write to the buffers.
            ring.destroy()
            buffers.destroy()
            largeBuffers.destroy()
            throw error
        }
    }
}

/// Where the starter of a loop waits for its thread.
private final class LoopStart: @unchecked Sendable {
    // The rule for `@unchecked`: `result` is written before `ready` is signalled and read after.
    private let ready = LoopEnding()
    private var result: Result<Loop, IORingError>?

    func complete(_ result: Result<Loop, IORingError>) {
        self.result = result
        ready.signal()
    }

    func wait() throws(IORingError) -> Loop {
        ready.wait()
        guard let result else { preconditionFailure("a loop's thread reported before it had a result") }
        return try result.get()
    }
}
