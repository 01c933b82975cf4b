// SPDX-License-Identifier: Apache-2.0

import HTTPRing
import Logging
import ServiceLifecycle

let logger = Logger(label: "shop")
let server = try HTTPRingServer(logger: logger)
let service = server.service { context in
    try await context.response.write("Hello, World!")
}
let group = ServiceGroup(
    services: [service],
    gracefulShutdownSignals: [.sigterm, .sigint],
    logger: logger
)
try await group.run()
