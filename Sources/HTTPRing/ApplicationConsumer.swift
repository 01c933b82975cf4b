// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPFeatures

/// Hands a queue's requests to an application in this process.
struct ApplicationConsumer<Application: HTTPApplication>: RequestConsumer {
    let application: Application

    func consume(_ exchange: Exchange) async {
        let context = application.createContext(features: exchange.features)
        var thrown: (any Error)?
        do {
            try await application.process(context)
        } catch {
            thrown = error
        }
        await exchange.finishHandler(thrown)
        application.dispose(context, error: thrown)
    }
}
