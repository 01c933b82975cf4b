// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPRingControl

/// How an application opens its request queue at the service.
///
/// Source: ASP.NET Core, `RequestQueueMode`.
public enum HTTPRingQueueMode: Sendable, Hashable {
    /// Makes it; fails where there is one of the name.
    case create
    /// Joins one that is there.
    case attach
    /// Joins it where it is there, else makes it.
    case createOrAttach

    var opening: QueueOpeningMode {
        switch self {
        case .create: .create
        case .attach: .attach
        case .createOrAttach: .createOrAttach
        }
    }
}

/// Where the engine of a server runs.
///
/// Handlers are the same in both. Source: HTTP Server API, HttpCreateRequestQueue.
public enum HTTPRingHost: Sendable, Hashable {
    /// In this process, which owns its ports.
    case embedded
    /// In `httpringd`, which owns the ports of the host and hands over what comes below this server's prefixes.
    ///
    /// `socket` is the path of its control socket; `nil` takes the environment's `HTTPRING_SOCKET`, else
    /// `/run/httpring/control.sock`. Certificates, time-outs and limits of connections are the service's.
    ///
    /// Where this process makes the queue, `allow` names who else may open it, besides its own user and root:
    /// `user:NUMBER`, `group:NUMBER` or `everyone`. `delegatesTo` names the queues that its handlers hand requests on to
    /// (`HTTPDelegationFeature`); its user must be one that may open them.
    case service(
        queue: String,
        mode: HTTPRingQueueMode = .createOrAttach,
        socket: String? = nil,
        allow: [String] = [],
        delegatesTo: [String] = []
    )

    /// The service's queue that `HTTPRING_SERVICE_QUEUE` names; embedded where it names none.
    static var ofEnvironment: HTTPRingHost {
        guard let queue = variable("HTTPRING_SERVICE_QUEUE") else { return .embedded }
        return .service(queue: queue)
    }

    /// The control socket where an option names none.
    static var standardSocket: String { variable("HTTPRING_SOCKET") ?? ControlClient.standardPath }

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
