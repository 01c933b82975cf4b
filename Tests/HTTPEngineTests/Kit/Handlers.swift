// SPDX-License-Identifier: Apache-2.0
import HTTPFeatures
import HTTPWire

/// Handlers that several suites use.
enum Handlers {
    /// Answers with the method and the target as sent.
    static let describe: TestEngine.Handler = { context in
        try await context.response.write("\(context.request.method) \(context.request.rawTarget)")
    }

    /// Sends back the request's content, piece by piece as it comes.
    static let echo: TestEngine.Handler = { context in
        for try await piece in context.request.body { try await context.response.write(piece) }
    }

    /// Sends back the request's content in one piece.
    static let echoWhole: TestEngine.Handler = { context in
        try await context.response.write(try await context.request.body.readAll(upTo: 4 << 20))
    }

    /// Answers without a look at the request's content.
    static let ignore: TestEngine.Handler = { context in
        try await context.response.write("ignored")
    }
}

extension HTTPContext {
    var target: String { request.rawTarget }

    func feature<Feature>(_ type: Feature.Type) throws -> Feature {
        guard let feature = features[type] else { throw MissingFeature(name: "\(type)") }
        return feature
    }
}

struct MissingFeature: Error {
    let name: String
}

/// What a handler throws that fails on purpose.
struct HandlerFailure: Error {}
