// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPFeatures

/// Hands a queue's requests to an application in this process.
final class ApplicationConsumer<Application: HTTPApplication>: RequestConsumer {
    private let application: Application

    init(application: Application) { self.application = application }

    nonisolated(nonsending) func consume(_ exchange: Exchange) async {
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

/// The same for an application that is one handler: the common case, without generic code on the path.
final class HandlerConsumer: RequestConsumer {
    private let handler: HandlerApplication.Handler

    init(handler: @escaping HandlerApplication.Handler) { self.handler = handler }

    nonisolated(nonsending) func consume(_ exchange: Exchange) async {
        let context: HTTPContext
        if let kept = exchange.features.reusable, type(of: kept) == HTTPContext.self {
            context = unsafeDowncast(kept, to: HTTPContext.self)
        } else {
            context = HTTPContext(features: exchange.features)
            exchange.features.reusable = context
        }
        var thrown: (any Error)?
        do {
            try await handler(context)
        } catch {
            thrown = error
        }
        if !exchange.finishHandlerHere(thrown) { await exchange.finishHandler(thrown) }
        context.recycle()
    }
}
