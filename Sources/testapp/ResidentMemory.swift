// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How much memory the process occupies.
enum ResidentMemory {
    /// Bytes resident, from the second number of `/proc/self/statm`; 0 where that can't be read (proc(5)).
    static func byteCount() -> Int {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 256) { buffer, count in
            count = max(0, read(descriptor, buffer.baseAddress, 256))
        }
        let numbers = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard numbers.count > 1, let pages = Int(numbers[1]) else { return 0 }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
