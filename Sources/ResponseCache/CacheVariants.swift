// SPDX-License-Identifier: Apache-2.0

/// The entries of one key: one for each content coding.
///
/// Nearly always there is one, which then costs no storage of its own.
public struct CacheVariants: Sendable {
    private var first: CacheEntry
    private var others: [CacheEntry]

    /// Makes variants of one entry.
    init(_ entry: CacheEntry) {
        first = entry
        others = []
    }

    /// Whether the only variant has no coding, so that `Accept-Encoding` need not be read.
    @inline(__always)
    public var isIdentityAlone: Bool {
        others.isEmpty && first.coding == .identity
    }

    /// Finds the fresh entry to serve: of what the client takes what it likes best, the most compact among equals.
    ///
    /// None is served to a client that likes the bytes without a coding better than every coding there is, unless they
    /// are there. Cost: no allocation. Source: RFC 9110 §12.5.3.
    ///
    /// - Parameters:
    ///   - accepted: The codings that the client takes.
    ///   - now: Monotonic nanoseconds.
    /// - Returns: The entry, or nil if there is none for the client.
    @inline(__always)
    public func entry(accepting accepted: ContentCodings, now: Int64) -> CacheEntry? {
        guard others.isEmpty else { return best(accepting: accepted, now: now) }
        return first.isFresh(at: now) && accepted.allows(first.coding) ? first : nil
    }

    private func best(accepting accepted: ContentCodings, now: Int64) -> CacheEntry? {
        var best = first.isFresh(at: now) && accepted.allows(first.coding) ? first : nil
        for entry in others where entry.isFresh(at: now) && accepted.allows(entry.coding) {
            if let best, !accepted.prefers(entry.coding, to: best.coding) { continue }
            best = entry
        }
        return best
    }

    /// All entries.
    var entries: [CacheEntry] { [first] + others }

    /// The entry of a coding.
    func entry(coding: ContentCoding) -> CacheEntry? {
        first.coding == coding ? first : others.first { $0.coding == coding }
    }

    /// Puts an entry in, in the place of the one of the same coding.
    mutating func set(_ entry: CacheEntry) {
        if first.coding == entry.coding {
            first = entry
        } else if let index = others.firstIndex(where: { $0.coding == entry.coding }) {
            others[index] = entry
        } else {
            others.append(entry)
        }
    }

    /// The variants without one entry; nil if none is left.
    func removing(_ entry: CacheEntry) -> Self? {
        let rest = entries.filter { $0 !== entry }
        guard let head = rest.first else { return nil }
        var variants = Self(head)
        variants.others = Array(rest.dropFirst())
        return variants
    }
}

extension ContentCoding {
    /// Which of several codings to serve: the higher.
    var preference: Int {
        switch self {
        case .identity: 0
        case .deflate: 1
        case .gzip: 2
        case .zstandard: 3
        case .brotli: 4
        }
    }
}
