// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import IORing

private enum Kind {
    static let accept: UInt8 = 1
    static let receive: UInt8 = 2
    static let send: UInt8 = 3
    static let close: UInt8 = 4
    static let cancel: UInt8 = 5
}

private func token(_ kind: UInt8, _ slot: UInt32 = 0, generation: UInt32 = 0) -> Token {
    Token(kind: kind, generation: generation, slot: slot)
}

/// A harness with a listener and one accepted connection.
private struct Connected {
    let harness: Harness
    let listener: Listener
    let client: Client
    let socket: Int32

    init(
        _ configuration: Loop.Configuration = .init(bufferCount: 16),
        options: Listener.Options = .init(),
        receiveBuffer: Int32? = nil
    ) async throws {
        harness = try Harness(configuration)
        let listener = try Listener.open(.loopback(port: 0), options: options)[0]
        self.listener = listener
        await harness.run { loop, _ in
            loop.acceptOnce(listener: listener.descriptor, token: token(Kind.accept))
        }
        client = try Client(to: listener.address, receiveBuffer: receiveBuffer)
        socket = await harness.next(Kind.accept).result
    }

    /// Copies what a completion received, and returns its buffer.
    func take(_ completion: Completion) async -> [UInt8] {
        await harness.run { loop, _ in
            guard let buffer = completion.bufferID else { return [] }
            defer { loop.returnBuffer(buffer) }
            return Array(loop.bufferBytes(buffer, count: Int(completion.result)))
        }
    }

    func receive() async {
        let socket = socket
        await harness.run { loop, _ in loop.receiveMultishot(socket: socket, token: token(Kind.receive)) }
    }
}

@Suite("Connections on a ring", .timeLimit(.minutes(1)))
struct ConnectionTests {
    @Test("A multishot accept gives each client a descriptor of its own, close-on-exec and blocking")
    func acceptMultishot() async throws {
        let harness = try Harness()
        let listener = try Listener.open(.loopback(port: 0))[0]
        await harness.run { loop, _ in
            loop.acceptMultishot(listener: listener.descriptor, token: token(Kind.accept, 7))
        }
        var descriptors: Set<Int32> = []
        var clients: [Client] = []
        for _ in 0..<5 {
            clients.append(try Client(to: listener.address))
            let completion = await harness.next(Kind.accept)
            #expect(completion.hasMore)
            #expect(completion.token == token(Kind.accept, 7))
            #expect(fcntl(completion.result, F_GETFD) == FD_CLOEXEC)
            #expect(fcntl(completion.result, F_GETFL) & O_NONBLOCK == 0)
            descriptors.insert(completion.result)
        }
        #expect(descriptors.count == 5)
        descriptors.forEach { Socket.close($0) }
        harness.end()
    }

    @Test(
        "Bytes sent come in a provided buffer, and the answer goes back, also without DEFER_TASKRUN",
        arguments: [true, false]
    )
    func echo(defersTaskRun: Bool) async throws {
        var configuration = Loop.Configuration(bufferCount: 16)
        configuration.defersTaskRun = defersTaskRun
        let connected = try await Connected(configuration)
        #expect(await connected.harness.run { loop, _ in loop.defersTaskRun } == defersTaskRun)
        await connected.receive()
        connected.client.send(Array("ping".utf8))
        let completion = await connected.harness.next(Kind.receive)
        #expect(completion.result == 4)
        #expect(completion.hasMore)
        #expect(await connected.take(completion) == Array("ping".utf8))
        let memory = SendMemory(Array("pong".utf8))
        let socket = connected.socket
        await connected.harness.run { loop, _ in
            loop.send(socket: socket, pointer: memory.pointer, count: 4, token: token(Kind.send))
        }
        #expect(await connected.harness.next(Kind.send).result == 4)
        #expect(connected.client.receive(4) == Array("pong".utf8))
        connected.harness.end()
    }

    @Test(
        "A vectored send delivers its pieces in order, with or without the kernel's vectorised SEND",
        arguments: [true, false]
    )
    func sendVector(isVectorised: Bool) async throws {
        let connected = try await Connected()
        let first = SendMemory(pattern(1000))
        let second = SendMemory(pattern(2000, from: 1000))
        let socket = connected.socket
        await connected.harness.run { loop, _ in
            if !isVectorised {
                loop.core.pointee.hasVectorisedSend = false
            }
            let pieces = [
                SendPiece(pointer: first.pointer, count: 1000),
                SendPiece(pointer: nil, count: 0),
                SendPiece(pointer: second.pointer, count: 2000),
            ]
            nonisolated(unsafe) let list = UnsafeMutablePointer<SendPiece>.allocate(capacity: 3)
            list.initialize(from: pieces, count: 3)
            loop.sendVector(socket: socket, pieces: list, count: 3, token: token(Kind.send))
            // The list only has to last until the iteration ends.
            loop.post { list.deallocate() }
        }
        #expect(await connected.harness.next(Kind.send).result == 3000)
        #expect(connected.client.receive(3000) == pattern(3000))
        connected.harness.end()
    }

    @Test("A large send to a slow reader completes once, with its full length (MSG_WAITALL)")
    func largeSend() async throws {
        let connected = try await Connected(
            options: .init(sendBufferByteCount: 16384),
            receiveBuffer: 16384
        )
        let count = 1 << 20
        let memory = SendMemory(pattern(count))
        let socket = connected.socket
        await connected.harness.run { loop, _ in
            loop.send(socket: socket, pointer: memory.pointer, count: count, token: token(Kind.send))
        }
        await connected.harness.turn(3)
        #expect(await connected.harness.run { _, recorder in recorder.keptCount(Kind.send) } == 0)
        #expect(connected.client.receive(count) == pattern(count))
        #expect(await connected.harness.next(Kind.send).result == Int32(count))
        connected.harness.end()
    }

    @Test("A send that is cancelled halfway tells how many bytes went")
    func cancelledSend() async throws {
        let connected = try await Connected(
            options: .init(sendBufferByteCount: 16384),
            receiveBuffer: 16384
        )
        let memory = SendMemory(pattern(2 << 20))
        let socket = connected.socket
        await connected.harness.run { loop, _ in
            loop.send(socket: socket, pointer: memory.pointer, count: memory.count, token: token(Kind.send))
        }
        #expect(connected.client.receive(1000) == pattern(1000))
        await connected.harness.run { loop, _ in
            loop.cancel(token(Kind.send), token: token(Kind.cancel))
        }
        #expect(await connected.harness.next(Kind.cancel).result == 0)
        let sent = await connected.harness.next(Kind.send)
        #expect(sent.result >= 1000 && sent.result < Int32(memory.count))
        connected.harness.end()
    }

    @Test("The end of the peer's data ends the receive with 0 and without a buffer")
    func endOfFile() async throws {
        let connected = try await Connected()
        await connected.receive()
        connected.client.finishSending()
        let completion = await connected.harness.next(Kind.receive)
        #expect(completion.result == 0)
        #expect(!completion.hasMore)
        #expect(completion.bufferID == nil)
        connected.harness.end()
    }

    @Test("A reset ends the receive with ECONNRESET")
    func reset() async throws {
        let connected = try await Connected()
        await connected.receive()
        await connected.harness.turn()
        connected.client.reset()
        let completion = await connected.harness.next(Kind.receive)
        #expect(completion.errno == ECONNRESET)
        #expect(!completion.hasMore)
        connected.harness.end()
    }

    @Test(
        "With no buffer free the receive ends with ENOBUFS; armed again when buffers return, it loses nothing"
    )
    func outOfBuffers() async throws {
        let connected = try await Connected(.init(bufferCount: 2, bufferByteCount: 64))
        let bytes = pattern(1000)
        connected.client.send(bytes)
        await connected.receive()
        var received: [UInt8] = []
        var shortages = 0
        while received.count < bytes.count {
            // Two full buffers are held before either is returned, so that the third finds none.
            var held: [Completion] = []
            while true {
                let completion = await connected.harness.next(Kind.receive)
                if completion.isOutOfBuffers {
                    #expect(!completion.hasMore)
                    shortages += 1
                    break
                }
                #expect(completion.result > 0)
                held.append(completion)
                if received.count + held.reduce(0, { $0 + Int($1.result) }) == bytes.count { break }
            }
            let socket = connected.socket
            if received.count + held.reduce(0, { $0 + Int($1.result) }) < bytes.count {
                let starved = await connected.harness.run { loop, _ in
                    loop.receiveWhenBuffersReturn(socket: socket, token: token(Kind.receive))
                    return loop.statistics.starved
                }
                #expect(starved == 1)
            }
            for completion in held {
                received += await connected.take(completion)
            }
        }
        #expect(received == bytes)
        #expect(shortages >= 7)
        let statistics = await connected.harness.run { loop, _ in loop.statistics }
        #expect(statistics.buffersLent == 0)
        #expect(statistics.bufferShortages == UInt64(shortages))
        connected.harness.end()
    }

    @Test("A receive into large buffers takes more at a time, and ends with ENOBUFS when none is free")
    func largeBuffers() async throws {
        let sizes = Loop.Configuration(
            bufferCount: 4,
            bufferByteCount: 64,
            largeBufferCount: 2,
            largeBufferByteCount: 1000
        )
        let connected = try await Connected(sizes)
        let bytes = pattern(3000)
        connected.client.send(bytes)
        let socket = connected.socket
        func receive() async -> Completion {
            await connected.harness.run { loop, _ in
                loop.receiveLarge(socket: socket, token: token(Kind.receive))
            }
            return await connected.harness.next(Kind.receive)
        }
        let first = await receive()
        let second = await receive()
        #expect(first.result == 1000 && second.result == 1000)
        #expect([first, second].allSatisfy { $0.bufferID.map { Loop.isLarge(buffer: $0) } == true })
        #expect([first, second].allSatisfy { !$0.hasMore })
        #expect(await receive().isOutOfBuffers)
        #expect(await connected.harness.run { loop, _ in loop.statistics.buffersLent } == 2)
        #expect(await connected.take(first) == Array(bytes[..<1000]))
        #expect(await connected.take(second) == Array(bytes[1000..<2000]))
        // The small ones were there all the time, and the large ones are again.
        await connected.receive()
        let small = await connected.harness.next(Kind.receive)
        #expect(small.result == 64 && small.bufferID.map { Loop.isLarge(buffer: $0) } == false)
        #expect(await connected.take(small) == Array(bytes[2000..<2064]))
        connected.harness.end()
    }

    @Test("A socket that waits for buffers can be closed; its receive is forgotten")
    func closeWhileStarved() async throws {
        let connected = try await Connected(.init(bufferCount: 1, bufferByteCount: 64))
        connected.client.send(pattern(200))
        await connected.receive()
        let held = await connected.harness.next(Kind.receive)
        let shortage = await connected.harness.next(Kind.receive)
        #expect(shortage.isOutOfBuffers)
        let socket = connected.socket
        let starved = await connected.harness.run { loop, _ in
            loop.receiveWhenBuffersReturn(socket: socket, token: token(Kind.receive))
            loop.cancelThenClose(socket: socket, receive: token(Kind.receive), token: token(Kind.close))
            return loop.statistics.starved
        }
        #expect(starved == 0)
        #expect(await connected.harness.next(Kind.close).result == 0)
        _ = await connected.take(held)
        await connected.harness.turn(2)
        let state = await connected.harness.run { loop, recorder in
            (loop.statistics.inFlight, recorder.keptCount(Kind.receive))
        }
        #expect(state == (0, 0))
        connected.harness.end()
    }

    @Test("A completion queue that runs over ends the multishot with good data; armed again, nothing is lost")
    func completionOverflow() async throws {
        let connected = try await Connected(
            .init(submissionEntries: 2, completionEntries: 4, bufferCount: 64, bufferByteCount: 64)
        )
        let bytes = pattern(64 * 40)
        let socket = connected.socket
        nonisolated(unsafe) var received: [UInt8] = []
        nonisolated(unsafe) var rearms = 0
        await connected.harness.run { loop, recorder in
            recorder.intercept = { completion in
                guard completion.token.kind == Kind.receive else { return false }
                guard let buffer = completion.bufferID else { return false }
                received += loop.bufferBytes(buffer, count: Int(completion.result))
                loop.returnBuffer(buffer)
                if !completion.hasMore {
                    rearms += 1
                    loop.receiveMultishot(socket: socket, token: completion.token)
                }
                return false
            }
        }
        connected.client.send(bytes)
        await connected.receive()
        var total = 0
        while total < bytes.count {
            let completion = await connected.harness.next(Kind.receive)
            #expect(completion.result > 0)
            total += Int(max(completion.result, 1))
        }
        let statistics = await connected.harness.run { loop, _ in loop.statistics }
        #expect(received == bytes)
        #expect(rearms > 0)
        #expect(statistics.buffersLent == 0)
        connected.harness.end()
    }

    @Test(
        "Cancel and close queued together end the connection for the peer, and the receive completes as cancelled"
    )
    func cancelThenClose() async throws {
        let connected = try await Connected()
        await connected.receive()
        let socket = connected.socket
        await connected.harness.run { loop, _ in
            loop.cancelThenClose(socket: socket, receive: token(Kind.receive), token: token(Kind.close))
        }
        #expect(await connected.harness.next(Kind.close).result == 0)
        #expect(await connected.harness.next(Kind.receive).isCancelled)
        #expect(connected.client.isAtEnd())
        #expect(await connected.harness.run { loop, _ in loop.statistics.inFlight } == 0)
        connected.harness.end()
    }

    @Test(
        "While the loop ends its delegate sees the receive cancelled, and may close the socket with its last call"
    )
    func closeWithTheLastCall() async throws {
        let connected = try await Connected()
        await connected.receive()
        let socket = connected.socket
        let log = Shared<[String]>([])
        await connected.harness.run { loop, recorder in
            recorder.onStopping = { log.update { $0.append("stopping") } }
            recorder.intercept = { completion in
                log.update { $0.append("cancelled \(completion.isCancelled)") }
                return true
            }
            recorder.onStopped = {
                log.update { $0.append("stopped") }
                loop.close(socket, token: nil)
            }
        }
        connected.harness.end()
        #expect(log.value == ["stopping", "cancelled true", "stopped"])
        #expect(connected.client.isAtEnd())
    }

    @Test("A late completion is known by its generation, and its buffer still counts until it is returned")
    func staleGeneration() async throws {
        let connected = try await Connected()
        let socket = connected.socket
        let old = token(Kind.receive, 3, generation: 0xFFFFFF)
        await connected.harness.run { loop, _ in loop.receiveMultishot(socket: socket, token: old) }
        connected.client.send([1, 2, 3])
        let completion = await connected.harness.next(Kind.receive)
        #expect(completion.token.generation == Token.generationMask)
        #expect((completion.token.generation &+ 1) & Token.generationMask == 0)
        #expect(await connected.harness.run { loop, _ in loop.statistics.buffersLent } == 1)
        #expect(await connected.take(completion) == [1, 2, 3])
        #expect(await connected.harness.run { loop, _ in loop.statistics.buffersLent } == 0)
        connected.harness.end()
    }

    @Test("More submissions than the queue holds are submitted in order, in one iteration")
    func fullSubmissionQueue() async throws {
        let connected = try await Connected(.init(submissionEntries: 4, completionEntries: 1024))
        let memory = SendMemory(pattern(100))
        let socket = connected.socket
        // A send each, for the kernel completes small ones in order while it takes them.
        await connected.harness.run { loop, _ in
            for index in 0..<100 {
                loop.send(
                    socket: socket,
                    pointer: memory.pointer + index,
                    count: 1,
                    token: token(Kind.send, UInt32(index))
                )
            }
        }
        for index in 0..<100 {
            let completion = await connected.harness.next(Kind.send)
            #expect(completion.token.slot == UInt32(index))
            #expect(completion.result == 1)
        }
        #expect(connected.client.receive(100) == pattern(100))
        connected.harness.end()
    }

    @Test("Submissions that the kernel does not take are kept, and submitted in order when it does")
    func refusedSubmissions() async throws {
        let connected = try await Connected(.init(submissionEntries: 4, completionEntries: 1024))
        let memory = SendMemory(pattern(200))
        let socket = connected.socket
        await connected.harness.run { loop, _ in
            loop.core.pointee.ring.refusesSubmissionsForTesting = true
            for index in 0..<200 {
                loop.send(
                    socket: socket,
                    pointer: memory.pointer + index,
                    count: 1,
                    token: token(Kind.send, UInt32(index))
                )
            }
            #expect(loop.core.pointee.ring.hasBacklog)
            loop.core.pointee.ring.refusesSubmissionsForTesting = false
        }
        for index in 0..<200 {
            let completion = await connected.harness.next(Kind.send)
            #expect(completion.token.slot == UInt32(index))
        }
        #expect(connected.client.receive(200) == pattern(200))
        #expect(await !connected.harness.run { loop, _ in loop.core.pointee.ring.hasBacklog })
        connected.harness.end()
    }

    @Test("A file is read at an offset, and the end of the file gives 0")
    func readFile() async throws {
        let harness = try Harness()
        let memory = SendMemory([UInt8](repeating: 0, count: 64))
        let file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        await harness.run { loop, _ in
            loop.read(file: file, into: memory.pointer, count: 3, offset: 1, token: token(Kind.receive))
        }
        #expect(await harness.next(Kind.receive).result == 3)
        #expect(Array(UnsafeRawBufferPointer(start: memory.pointer, count: 3)) == Array("ELF".utf8))
        await harness.run { loop, _ in
            loop.read(file: file, into: memory.pointer, count: 3, offset: 1 << 50, token: token(Kind.receive))
            loop.close(file, token: token(Kind.close))
        }
        #expect(await harness.next(Kind.receive).result == 0)
        #expect(await harness.next(Kind.close).result == 0)
        harness.end()
    }

    @Test("A poll completes when the descriptor becomes readable, and a cancelled one as cancelled")
    func poll() async throws {
        let connected = try await Connected()
        let socket = connected.socket
        await connected.harness.run { loop, _ in loop.pollIn(socket, token: token(Kind.receive)) }
        connected.client.send([1])
        #expect(await connected.harness.next(Kind.receive).result & Int32(POLLIN) != 0)
        let idle = connected.client.descriptor
        await connected.harness.run { loop, _ in
            loop.pollIn(idle, token: token(Kind.receive))
            loop.cancel(token(Kind.receive))
        }
        #expect(await connected.harness.next(Kind.receive).isCancelled)
        await connected.harness.run { loop, _ in
            loop.cancel(token(Kind.receive), token: token(Kind.cancel))
        }
        #expect(await connected.harness.next(Kind.cancel).errno == ENOENT)
        connected.harness.end()
    }

    @Test(
        "At the limit of descriptors a multishot accept ends with EMFILE, and the client stays in the backlog"
    )
    func descriptorLimit() async {
        // In a process of its own: the limit is the process's.
        await #expect(processExitsWith: .success) {
            let harness = try Harness()
            let listener = try Listener.open(.loopback(port: 0))[0]
            let client = try Client(to: listener.address)
            var saved = rlimit()
            getrlimit(__rlimit_resource_t(7), &saved)
            // None is below it: were some only used up, the runtime could close one meanwhile.
            var low = rlimit(rlim_cur: 0, rlim_max: saved.rlim_max)
            setrlimit(__rlimit_resource_t(7), &low)
            await harness.run { loop, _ in
                loop.acceptMultishot(listener: listener.descriptor, token: token(Kind.accept))
            }
            let refused = await harness.next(Kind.accept)
            #expect(refused.errno == EMFILE)
            #expect(!refused.hasMore)
            setrlimit(__rlimit_resource_t(7), &saved)
            await harness.run { loop, _ in
                loop.acceptMultishot(listener: listener.descriptor, token: token(Kind.accept))
            }
            let accepted = await harness.next(Kind.accept)
            #expect(accepted.result >= 0)
            client.send([9])
            exit(refused.errno == EMFILE && accepted.result >= 0 ? 0 : 1)
        }
    }
}
