// SPDX-License-Identifier: Apache-2.0

/// Paths in the one form in which flush patterns and keys are compared.
enum CachePath {
    /// Returns a path as it is routed, in lower case.
    static func normalized(_ path: [UInt8]) -> [UInt8] {
        path.map(ASCII.lowercased)
    }
}
