// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Starts applications as units of systemd's, through `systemctl --no-block start`.
///
/// A template unit, as `shop@.service`, gets a new instance with each start, so that the old process and the new one
/// run side by side during a recycle. The service's user needs leave for it from polkit: see `docs/service.md`.
public final class SystemctlActivator: QueueActivator {
    private let program: String
    private let log: @Sendable (String) -> Void
    /// The last instance of each template.
    private var instances: [String: UInt64] = [:]

    /// Makes an activator.
    ///
    /// - Parameters:
    ///   - program: the program that is run with `--no-block start UNIT`.
    ///   - log: told when it fails.
    public init(program: String = "/usr/bin/systemctl", log: @escaping @Sendable (String) -> Void) {
        self.program = program
        self.log = log
    }

    /// Starts a process of a queue; returns at once.
    public func start(_ queue: QueueDefinition) throws(ControlFailure) {
        guard let template = queue.unit else {
            throw ControlFailure(.unsupported, "The queue '\(queue.name)' names no unit.")
        }
        let unit = instance(of: template)
        let arguments = [program, "--no-block", "start", unit]
        var process: pid_t = 0
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        // No environment: systemctl needs none, and gets nothing of ours.
        let code = posix_spawn(&process, program, nil, nil, &words, nil)
        guard code == 0 else {
            throw ControlFailure(
                .machine,
                "\(program) cannot be run: \(String(cString: strerror(code))). Start \(unit) yourself."
            )
        }
        let log = log
        let child = process
        Task.detached {
            var status: Int32 = 0
            // Ends soon: it waits for nothing. One thread of the pool is held meanwhile.
            while waitpid(child, &status, 0) < 0 && errno == EINTR {}
            guard status != 0 else { return }
            log(
                "warning: 'systemctl start \(unit)' failed. See its message above, and 'systemctl status \(unit)'."
            )
        }
    }

    /// The unit itself, or the next instance of a template.
    private func instance(of template: String) -> String {
        guard let at = template.firstIndex(of: "@"), template[template.index(after: at)...].hasPrefix(".")
        else {
            return template
        }
        let number = (instances[template] ?? 0) + 1
        instances[template] = number
        return template[...at] + "\(number)" + template[template.index(after: at)...]
    }
}
