// SPDX-License-Identifier: Apache-2.0

/// The evaluation of conditional requests.
///
/// RFC 9110 §13.
public enum Preconditions {
    /// What a conditional request comes to.
    public enum Outcome: Equatable, Sendable {
        /// The method is performed; `rangeApplies` says whether a Range field is to be honoured.
        case proceed(rangeApplies: Bool)
        /// The answer is 304.
        case notModified
        /// The answer is 412.
        case preconditionFailed
    }

    /// What is known of the selected representation.
    public struct Representation: Sendable {
        /// Whether there is one at all.
        public var exists: Bool
        /// Its entity tag, if it has one.
        public var entityTag: EntityTag?
        /// When it last changed, in seconds since 1970, if that is known.
        public var lastModified: Int64?

        /// Describes a representation.
        public init(exists: Bool = true, entityTag: EntityTag? = nil, lastModified: Int64? = nil) {
            self.exists = exists
            self.entityTag = entityTag
            self.lastModified = lastModified
        }
    }

    /// The conditional field values of a request, lines of a list joined by commas; nil where absent.
    public struct Fields: Sendable {
        /// If-Match.
        public var ifMatch: String?
        /// If-None-Match.
        public var ifNoneMatch: String?
        /// If-Modified-Since.
        public var ifModifiedSince: String?
        /// If-Unmodified-Since.
        public var ifUnmodifiedSince: String?
        /// If-Range.
        public var ifRange: String?

        /// Makes a set of fields.
        public init(
            ifMatch: String? = nil,
            ifNoneMatch: String? = nil,
            ifModifiedSince: String? = nil,
            ifUnmodifiedSince: String? = nil,
            ifRange: String? = nil
        ) {
            self.ifMatch = ifMatch
            self.ifNoneMatch = ifNoneMatch
            self.ifModifiedSince = ifModifiedSince
            self.ifUnmodifiedSince = ifUnmodifiedSince
            self.ifRange = ifRange
        }

        /// Takes the fields out of a section.
        public init(_ section: FieldSection) {
            ifMatch = section[.ifMatch]
            ifNoneMatch = section[.ifNoneMatch]
            ifModifiedSince = section[.ifModifiedSince]
            ifUnmodifiedSince = section[.ifUnmodifiedSince]
            ifRange = section[.ifRange]
        }

        /// Whether no field is there, so that nothing needs evaluating.
        public var isEmpty: Bool {
            ifMatch == nil && ifNoneMatch == nil && ifModifiedSince == nil && ifUnmodifiedSince == nil
                && ifRange == nil
        }
    }

    /// Evaluates the preconditions in the order of RFC 9110 §13.2.2.
    ///
    /// An entity tag list that is malformed matches nothing; a date that is malformed is ignored, as the fields'
    /// definitions say.
    ///
    /// - Parameters:
    ///   - fields: the request's conditional fields.
    ///   - method: the request's method.
    ///   - representation: the representation that would be sent or changed.
    ///   - now: seconds since 1970, for two-digit years.
    /// - Returns: what to do with the request.
    public static func evaluate(
        _ fields: Fields,
        method: Method,
        representation: Representation,
        now: Int64
    ) -> Outcome {
        let isRead = method == .get || method == .head
        if let ifMatch = fields.ifMatch {
            guard matches(ifMatch, representation, isStrong: true) else { return .preconditionFailed }
        } else if let value = fields.ifUnmodifiedSince, let since = HTTPDate.parse(value, now: now),
            let lastModified = representation.lastModified
        {
            guard lastModified <= since else { return .preconditionFailed }
        }
        if let ifNoneMatch = fields.ifNoneMatch {
            if matches(ifNoneMatch, representation, isStrong: false) {
                return isRead ? .notModified : .preconditionFailed
            }
        } else if isRead, let value = fields.ifModifiedSince, let since = HTTPDate.parse(value, now: now),
            let lastModified = representation.lastModified, lastModified <= since
        {
            return .notModified
        }
        return .proceed(
            rangeApplies: method == .get && rangeApplies(fields.ifRange, representation, now: now)
        )
    }

    /// Whether a list of entity tags, or `*`, names the representation.
    private static func matches(_ list: String, _ representation: Representation, isStrong: Bool) -> Bool {
        let text = list.utf8.span
        let (from, to) = FieldSyntax.trim(text, from: 0, to: text.count)
        if to - from == 1, text[from] == UInt8(ascii: "*") { return representation.exists }
        guard let current = representation.entityTag else { return false }
        var isMatch = false
        var offset = from
        while offset < to {
            if text[offset].isBlank || text[offset] == UInt8(ascii: ",") {
                offset += 1
                continue
            }
            guard let tag = EntityTag.read(text, at: &offset) else { return false }
            // Behind a tag comes the end of the list or a comma.
            while offset < to, text[offset].isBlank { offset += 1 }
            guard offset >= to || text[offset] == UInt8(ascii: ",") else { return false }
            let isSame = FieldSyntax.equals(text.extracting(tag.opaque), current.opaque.span)
            if isSame, !isStrong || !(tag.isWeak || current.isWeak) { isMatch = true }
        }
        return isMatch
    }

    /// Whether If-Range lets a Range apply: no If-Range, or the strong validator of the representation.
    ///
    /// Source: RFC 9110 §13.1.5. A date is a strong validator here only if it equals Last-Modified exactly.
    private static func rangeApplies(_ ifRange: String?, _ representation: Representation, now: Int64) -> Bool
    {
        guard let ifRange else { return true }
        if let tag = EntityTag(ifRange) {
            guard let current = representation.entityTag else { return false }
            return tag.strongMatches(current)
        }
        guard let date = HTTPDate.parse(ifRange, now: now), let lastModified = representation.lastModified
        else {
            return false
        }
        return date == lastModified
    }
}
