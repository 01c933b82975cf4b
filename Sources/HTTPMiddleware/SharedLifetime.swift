// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// How long a response may be stored for everyone by its own fields, but for a `Vary` that names Accept-Encoding alone.
///
/// The response cache keeps one variant for each content coding, but stores nothing with `Vary` unless a policy says so.
enum SharedLifetime {
    /// The lifetime; nil where the response must not be stored, or does not say for how long.
    ///
    /// `public` with `s-maxage`, else `max-age`; no `private`, `no-store` or `no-cache`, no `Set-Cookie`, no `Pragma`.
    /// Source: the automatic policy's rules in docs/caching.md.
    static func of(_ fields: FieldSection) -> Duration? {
        guard !fields.contains(id: .setCookie), !fields.contains(id: .pragma), variesByCodingAlone(fields)
        else {
            return nil
        }
        var isPublic = false
        var isForbidden = false
        var maxAge: Int64?
        var sharedMaxAge: Int64?
        for control in fields.values(of: .cacheControl) {
            FieldSyntax.forEachDirective(control.utf8.span) { name, value in
                var seconds: Int64 = 0
                if let value { seconds = FieldSyntax.deltaSeconds(value) ?? 0 }
                switch FieldSyntax.string(name).lowercased() {
                case "public": isPublic = true
                case "private", "no-store", "no-cache": isForbidden = true
                case "max-age": maxAge = seconds
                case "s-maxage": sharedMaxAge = seconds
                default: break
                }
            }
        }
        guard isPublic, !isForbidden, let seconds = sharedMaxAge ?? maxAge, seconds > 0 else { return nil }
        return .seconds(seconds)
    }

    private static func variesByCodingAlone(_ fields: FieldSection) -> Bool {
        fields.values(of: .vary).allSatisfy { value in
            let list = value.utf8.span
            var isAlone = true
            FieldSyntax.forEachElement(list) { range in
                let name = FieldSyntax.string(list.extracting(range))
                isAlone = FieldSyntax.equalsIgnoringCase(name, "accept-encoding")
                return isAlone
            }
            return isAlone
        }
    }
}
