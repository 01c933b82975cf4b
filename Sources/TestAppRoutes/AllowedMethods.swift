// SPDX-License-Identifier: Apache-2.0

import HTTPWire

/// The methods a route is listed with.
struct AllowedMethods: OptionSet {
    let rawValue: UInt8

    static let get = AllowedMethods(rawValue: 1)
    static let post = AllowedMethods(rawValue: 2)
    static let put = AllowedMethods(rawValue: 4)
    static let patch = AllowedMethods(rawValue: 8)
    static let delete = AllowedMethods(rawValue: 16)

    /// Whether a request may use the method; HEAD wherever GET.
    func allows(_ method: Method) -> Bool {
        switch method {
        case .get, .head: contains(.get)
        case .post: contains(.post)
        case .put: contains(.put)
        case .patch: contains(.patch)
        case .delete: contains(.delete)
        default: false
        }
    }

    /// The value of `Allow`, with HEAD where GET is listed and OPTIONS always.
    var fieldValue: String {
        var names: [String] = []
        if contains(.get) { names += ["GET", "HEAD"] }
        if contains(.post) { names.append("POST") }
        if contains(.put) { names.append("PUT") }
        if contains(.patch) { names.append("PATCH") }
        if contains(.delete) { names.append("DELETE") }
        return (names + ["OPTIONS"]).joined(separator: ", ")
    }
}
