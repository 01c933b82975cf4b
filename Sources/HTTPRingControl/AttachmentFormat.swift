// SPDX-License-Identifier: Apache-2.0

/// The payloads of `attach` and its answer.
///
/// Shape: the request is the version, 2; the answer the version and the number of loops in two bytes, most
/// significant first. Four descriptors a loop go with the answer: memory, the worker's bell, the service's bell, and the
/// socket for files.
package enum AttachmentFormat {
    /// Descriptors that each loop's queue comes with.
    package static let descriptorsPerLoop = 4

    /// Loops that can be attached to: one message carries all descriptors.
    package static var loopCountMax: Int { UnixSocket.descriptorsMax / descriptorsPerLoop }

    /// What a worker sends.
    package static let request: [UInt8] = [2]

    /// What the service answers.
    package static func answer(loopCount: Int) -> [UInt8] {
        let count = UInt16(clamping: loopCount)
        return [2, UInt8(count >> 8), UInt8(truncatingIfNeeded: count)]
    }

    /// The number of loops in an answer; `nil` where it is none, or does not fit the descriptors.
    package static func loopCount(_ payload: [UInt8], descriptorCount: Int) -> Int? {
        guard payload.count == 3, payload[0] == 2 else { return nil }
        let count = Int(payload[1]) << 8 | Int(payload[2])
        return count > 0 && count * descriptorsPerLoop == descriptorCount ? count : nil
    }
}
