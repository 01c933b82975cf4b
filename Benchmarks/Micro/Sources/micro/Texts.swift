// SPDX-License-Identifier: Apache-2.0

/// Many texts in one block, so that reading one touches no reference count.
struct Texts {
    private(set) var bytes: [UInt8] = []
    private(set) var ranges: [Range<Int>] = []

    init(_ texts: [String]) {
        for text in texts {
            let start = bytes.count
            bytes += Array(text.utf8)
            ranges.append(start..<bytes.count)
        }
    }
}
