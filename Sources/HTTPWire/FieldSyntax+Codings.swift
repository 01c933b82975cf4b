// SPDX-License-Identifier: Apache-2.0

extension FieldSyntax {
    /// The coding that a client likes best of those on offer, by its `Accept-Encoding`.
    ///
    /// The highest weight wins, among equal ones the first of `names`. `x-gzip` counts as `gzip`. Cost: a pass over the
    /// list for each name; allocates for names that are listed. Source: RFC 9110 §12.5.3.
    ///
    /// - Parameters:
    ///   - names: the codings on offer, in lower case.
    ///   - list: the field's value.
    /// - Returns: the place in `names`; nil where the client likes the bytes as they are better, or takes none of them.
    public static func preferredCoding(of names: [StaticString], in list: Span<UInt8>) -> Int? {
        var best: (index: Int, weight: Int)?
        for (index, name) in names.enumerated() {
            guard let weight = codingWeight(of: name, in: list), weight > best?.weight ?? 0 else { continue }
            best = (index, weight)
        }
        // Identity counts only where it is named: "*" speaks of codings that are not.
        guard let best, best.weight >= namedWeight(of: "identity", in: list) ?? 0 else { return nil }
        return best.index
    }

    private static func codingWeight(of name: StaticString, in list: Span<UInt8>) -> Int? {
        let isGzip = name.utf8CodeUnitCount == 4 && "\(name)" == "gzip"
        if isGzip, namedWeight(of: "gzip", in: list) == nil,
            let alias = namedWeight(of: "x-gzip", in: list)
        {
            return alias
        }
        return weight(of: name, in: list)
    }

    /// The weight of a coding that is listed by its name.
    private static func namedWeight(of name: StaticString, in list: Span<UInt8>) -> Int? {
        var isListed = false
        forEachElement(list) { range in
            let element = list.extracting(range)
            var end = 0
            while end < element.count, isTokenByte(element[end]) { end += 1 }
            isListed = equalsIgnoringCase(string(element.extracting(0..<end)), "\(name)")
            return !isListed
        }
        return isListed ? weight(of: name, in: list) : nil
    }
}
