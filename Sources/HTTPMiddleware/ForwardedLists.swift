// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// The lists of a request that proxies have appended to, hop 0 the rightmost.
struct ForwardedLists {
    private struct List {
        var field: FieldID
        /// The entries, the rightmost first.
        var entries: [Substring]
    }

    private var lists: [List] = []
    /// How many entries the longest list has.
    private(set) var hopCount = 0

    init(_ request: any HTTPRequestFeature, parts: ForwardedHeaders.Parts, usesForwarded: Bool) {
        if usesForwarded {
            add(.forwarded, request, honoursQuotes: true)
            return
        }
        if parts.contains(.address) { add(.xForwardedFor, request) }
        if parts.contains(.scheme) { add(.xForwardedProto, request) }
        if parts.contains(.host) { add(.xForwardedHost, request) }
        if parts.contains(.prefix) { add(.xForwardedPrefix, request) }
    }

    private mutating func add(
        _ field: FieldID,
        _ request: any HTTPRequestFeature,
        honoursQuotes: Bool = false
    ) {
        guard let value = request.value(of: field) else {
            lists.append(List(field: field, entries: []))
            return
        }
        var entries = ForwardedList.elements(value, honoursQuotes: honoursQuotes)
        // RFC 9110 §5.6.1.2 has empty elements ignored. The lists of X-Forwarded-* have no grammar, but belong
        // together by their places.
        if field == .forwarded { entries.removeAll(where: \.isEmpty) }
        hopCount = max(hopCount, entries.count)
        lists.append(List(field: field, entries: entries))
    }

    /// Whether all lists are of one length.
    var isSymmetric: Bool { lists.allSatisfy { $0.entries.count == hopCount } }

    /// What the entries of a hop say.
    func hop(_ index: Int) -> ForwardedHop {
        var hop = ForwardedHop()
        for list in lists where index < list.entries.count && !list.entries[index].isEmpty {
            let text = String(list.entries[index])
            switch list.field {
            case .forwarded: return ForwardedHop(forwardedElement: text) ?? .malformed
            case .xForwardedFor: hop.client = text
            case .xForwardedProto: hop.scheme = text
            case .xForwardedHost: hop.host = text
            default: hop.prefix = text
            }
        }
        return hop
    }

    /// Takes the entries of the nearest hops out of the field section.
    func removeRightmost(_ count: Int, from fields: inout FieldSection) {
        for list in lists where !list.entries.isEmpty {
            let rest = list.entries.dropFirst(count).reversed().joined(separator: ", ")
            if rest.isEmpty {
                _ = fields.remove(id: list.field)
            } else {
                try? fields.set(id: list.field, value: rest)
            }
        }
    }
}
