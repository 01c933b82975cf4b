// SPDX-License-Identifier: Apache-2.0

import HTTPFeatures
import HTTPWire

/// What requests are told apart by in metrics; every part has few values, whatever clients send.
struct SeriesKey {
    /// The values of `http.request.method`; the last stands for all others.
    static let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "_OTHER",
    ]
    static let schemes = ["http", "https"]
    /// The values of `network.protocol.version`.
    static let versions = ["1.0", "1.1", "2", "3"]
    /// The status codes with a series of their own; others are counted as `5xx` and the like.
    static let statuses = [
        101, 200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403,
        404, 405,
        406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431,
        451, 499,
        500, 501, 502, 503, 504, 505, 507,
    ]
    private static let classes = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"]
    static let statusCount = statuses.count + classes.count
    static let indexCount = methods.count * schemes.count * versions.count

    let method: Int
    let scheme: Int
    let version: Int

    init(_ request: any HTTPRequestFeature) {
        method =
            switch request.knownMethod {
            case .get: 0
            case .head: 1
            case .post: 2
            case .put: 3
            case .delete: 4
            case .options: 5
            case .patch: 6
            case .trace: 7
            case .connect: 8
            default: Self.methods.count - 1
            }
        scheme = request.scheme == "https" ? 1 : 0
        version =
            switch request.protocolVersion {
            case "HTTP/1.0": 0
            case "HTTP/2": 2
            case "HTTP/3": 3
            default: 1
            }
    }

    /// The key of a place in a table of `indexCount`.
    init(index: Int) {
        method = index / Self.versions.count / Self.schemes.count
        scheme = index / Self.versions.count % Self.schemes.count
        version = index % Self.versions.count
    }

    /// The key's place in a table of `indexCount`.
    var index: Int { (method * Self.schemes.count + scheme) * Self.versions.count + version }

    /// What a status is called that `statusIndex(_:)` gave a place.
    static func statusText(_ index: Int) -> String {
        index < statuses.count ? String(statuses[index]) : classes[index - statuses.count]
    }

    /// A status's place in a table of `statusCount`.
    static func statusIndex(_ status: Int) -> Int {
        var (low, high) = (0, statuses.count)
        while low < high {
            let middle = (low + high) / 2
            if statuses[middle] < status { low = middle + 1 } else { high = middle }
        }
        if low < statuses.count, statuses[low] == status { return low }
        return statuses.count + ((100..<600).contains(status) ? status / 100 - 1 : classes.count - 1)
    }
}
