// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Files opened a moment ago, by request path, so that a file asked for often is not opened each time.
///
/// An entry is good for a while and is then opened anew, so that a file that was replaced is noticed. At
/// most `entryCountMax` files and `contentByteCountMax` bytes of their content are held: they are kept in
/// two generations, and when the younger is full the older, which holds what has not been asked for since,
/// is let go. Any thread.
final class OpenFileCache: Sendable {
    private struct Generations {
        var younger: [String: OpenFile] = [:]
        var older: [String: OpenFile] = [:]
        /// Bytes of content that the younger holds, or held before an entry was replaced.
        var youngerByteCount = 0
    }

    private let generations = Mutex(Generations())
    private let generationCountMax: Int
    private let generationByteCountMax: Int
    private let validNanoseconds: Int64

    /// Makes an empty cache.
    init(entryCountMax: Int, contentByteCountMax: Int, valid: Duration) {
        generationCountMax = max(0, entryCountMax / 2)
        generationByteCountMax = max(0, contentByteCountMax / 2)
        let (seconds, attoseconds) = min(max(valid, .zero), .seconds(86400)).components
        validNanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// The file of a path, if it was opened less than the validity ago.
    func find(_ path: String, now: Int64) -> OpenFile? {
        let (file, released) = generations.withLock { generations -> (OpenFile?, [String: OpenFile]) in
            if let file = generations.younger[path] { return (file, [:]) }
            guard let file = generations.older.removeValue(forKey: path) else { return (nil, [:]) }
            return (file, insert(file, path, &generations))
        }
        _ = released
        guard let file, now &- file.readAt < validNanoseconds else { return nil }
        return file
    }

    /// Keeps a file that was just opened.
    func keep(_ file: OpenFile, _ path: String) {
        guard generationCountMax > 0, file.contentByteCount <= generationByteCountMax else { return }
        // What is let go of closes files, which is not done under the lock.
        let released = generations.withLock { insert(file, path, &$0) }
        _ = released
    }

    /// How many bytes of content are held.
    var contentByteCount: Int {
        generations.withLock { generations in
            [generations.younger, generations.older].joined().reduce(0) { $0 + $1.value.contentByteCount }
        }
    }

    /// How many files are held.
    var count: Int { generations.withLock { $0.younger.count + $0.older.count } }

    private func insert(
        _ file: OpenFile,
        _ path: String,
        _ generations: inout Generations
    ) -> [String: OpenFile] {
        var released: [String: OpenFile] = [:]
        if let old = generations.older.removeValue(forKey: path) { released[path] = old }
        let isFull =
            generations.younger.count >= generationCountMax && generations.younger[path] == nil
            || generations.youngerByteCount > generationByteCountMax - file.contentByteCount
        if isFull {
            let gone = generations.older
            generations.older = generations.younger
            generations.older[path] = nil
            generations.younger = [path: file]
            generations.youngerByteCount = file.contentByteCount
            return gone
        }
        generations.youngerByteCount += file.contentByteCount
        if let old = generations.younger.updateValue(file, forKey: path) { released[path] = old }
        return released
    }
}
