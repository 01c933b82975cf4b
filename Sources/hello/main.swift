// SPDX-License-Identifier: Apache-2.0

import HTTPRing

try await HTTPRingServer(urlPrefixes: ["http://*:8080/"]).run { context in
    try await context.response.write("Hello, World!")
}
