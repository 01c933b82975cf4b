// SPDX-License-Identifier: Apache-2.0

/// What `show cachestate` prints of an entry beyond its stored properties.
extension CacheEntry {
    /// The value of `Content-Type`.
    public var contentType: String {
        String(decoding: bytes[contentTypeRange], as: UTF8.self)
    }

    /// The value of `ETag`; nil without one.
    public var entityTag: String? {
        entityTagRange.isEmpty ? nil : String(decoding: bytes[entityTagRange], as: UTF8.self)
    }

    /// The name of the content coding; nil without one.
    public var contentEncoding: String? {
        coding == .identity ? nil : coding.text.description
    }
}
