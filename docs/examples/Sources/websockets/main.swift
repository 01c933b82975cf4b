// SPDX-License-Identifier: Apache-2.0

import HTTPRing
import WebSockets

/// Everyone who is here hears what anyone says.
actor Room {
    private var members: [ObjectIdentifier: WebSocket] = [:]

    func enter(_ socket: WebSocket) { members[ObjectIdentifier(socket)] = socket }

    func leave(_ socket: WebSocket) { members[ObjectIdentifier(socket)] = nil }

    func say(_ message: WebSocketMessage) async {
        await withTaskGroup { group in
            for member in members.values {
                group.addTask { try? await member.send(message) }
            }
        }
    }
}

let room = Room()

try await HTTPRingServer(urlPrefixes: ["http://localhost:8084/"]).run { context in
    switch context.request.path {
    case "/echo":
        try await context.webSocket { socket in
            for try await message in socket.messages {
                try await socket.send(message)
            }
        }

    case "/chat":
        var options = WebSocketOptions()
        options.subprotocols = ["chat.v2", "chat.v1"]
        options.allowedOrigins = ["https://chat.example.com"]
        options.maxMessageByteCount = 16 << 10
        options.keepAliveInterval = .seconds(30)
        options.keepAliveTimeout = .seconds(10)
        options.compression = WebSocketCompression()
        try await context.webSocket(options) { socket in
            await room.enter(socket)
            do {
                for try await message in socket.messages {
                    await room.say(message)
                }
            } catch {
                await room.leave(socket)
                throw error
            }
            await room.leave(socket)
        }

    case "/once":
        let socket = try await context.acceptWebSocket()
        if let question = try await socket.receive(), question.text == "what time is it?" {
            try await socket.send(text: "\(ContinuousClock.now)")
            await socket.close(code: .normal, reason: "that is all")
        } else {
            await socket.close(code: .policyViolation, reason: "ask for the time")
        }

    default:
        try await context.response.respond(.notFound, "not found\n")
    }
}
