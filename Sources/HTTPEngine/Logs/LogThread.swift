// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The thread that a log writer runs on.
struct LogThread {
    private let handle: pthread_t

    /// Starts a thread that runs `writer`, which is the thread's alone from then on.
    ///
    /// **Errors**: throws where the system has no room for a thread.
    init(_ writer: LogWriter) throws(LogError) {
        // SAFETY: the thread takes the retain over; where there is none, it is released here.
        let context = unsafe Unmanaged.passRetained(writer)
        var handle = pthread_t()
        let code = unsafe pthread_create(&handle, nil, Self.body, context.toOpaque())
        if code != 0 {
            unsafe context.release()
            throw LogError(operation: "pthread_create", code: code, object: "the log writer")
        }
        self.handle = handle
    }

    /// Waits for the end of a thread that is known to be ending.
    func join() { pthread_join(handle, nil) }

    /// Leaves the thread to itself.
    func detach() { pthread_detach(handle) }

    private static let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
        context in
        guard let context = unsafe context else { return nil }
        // Signals are the application's; a pipe closed by its reader is an error of `write`, not a signal.
        var signals = sigset_t()
        unsafe sigfillset(&signals)
        unsafe pthread_sigmask(SIG_SETMASK, &signals, nil)
        nameThread()
        // SAFETY: the retain of `init`, of which this is the only receiver.
        unsafe Unmanaged<LogWriter>.fromOpaque(context).takeRetainedValue().run()
        return nil
    }

    /// Names the thread for `top -H`; a name that cannot be set is only missing there.
    private static func nameThread() {
        let descriptor = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let name: StaticString = "httpring-log"
        _ = unsafe Glibc.write(descriptor, name.utf8Start, name.utf8CodeUnitCount)
        close(descriptor)
    }
}
