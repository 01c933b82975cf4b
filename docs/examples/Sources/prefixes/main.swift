// SPDX-License-Identifier: Apache-2.0

import HTTPRing

let server = try HTTPRingServer(urlPrefixes: ["http://127.0.0.1:0/shop/"])
try await server.start(
    application: HandlerApplication { context in
        let request = context.request
        try await context.response.write("base '\(request.pathBase)' path '\(request.path)'\n")
    }
)
print("serving", server.addresses)

let admin = try await server.addPrefix("http://127.0.0.1:0/admin/")
print("serving", admin, "as well")
try await server.removePrefix(admin)
print("serving", server.addresses)

await server.stop(within: .seconds(5))
