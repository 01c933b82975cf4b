// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One client of the control socket: what it sent that is not read, what it gets that is not sent.
///
/// Control thread only. Whatever the client does costs this connection only.
final class ControlConnection {
    /// Bytes of answers held for a client that does not read, over which its requests wait.
    static let outputBytesHigh = 256 * 1024
    /// Bytes over which a client that does not read is cut off: events come unasked.
    static let outputBytesMax = 16 << 20
    /// Descriptors held that no request has taken.
    static let descriptorsMax = 16

    let descriptor: Int32
    let client: ClientID
    /// When it has to have greeted.
    let greetingDeadline: UInt64
    private(set) var isGreeted = false
    /// Whether nothing more is read, and it closes once its output is out.
    private(set) var isEnding = false
    private var framer: ControlFramer
    private var descriptors: [PassedDescriptor] = []
    private var output: [(bytes: ArraySlice<UInt8>, descriptors: [PassedDescriptor])] = []
    private var outputByteCount = 0
    private var listing: (number: UInt32, next: () -> [ControlValue]?)?

    init(descriptor: Int32, client: ClientID, messageBytesMax: Int, greetingDeadline: UInt64) {
        self.descriptor = descriptor
        self.client = client
        self.greetingDeadline = greetingDeadline
        framer = ControlFramer(messageBytesMax: messageBytesMax)
    }

    deinit { close(descriptor) }

    /// Whether there is room for another answer.
    private var isReady: Bool { !isEnding && listing == nil && outputByteCount < Self.outputBytesHigh }

    /// What to wait for (poll(2)).
    var events: Int16 {
        (isReady ? Int16(POLLIN) : 0) | (output.isEmpty ? 0 : Int16(POLLOUT))
    }

    /// Reads and does what is asked; returns whether the connection goes on.
    func readable(_ plane: ControlPlane, _ buffer: inout [UInt8]) -> Bool {
        guard isReady else { return true }
        let piece = UnixSocket.receive(descriptor, into: &buffer)
        guard piece.byteCount > 0 else { return piece.byteCount == -Int(EAGAIN) }
        descriptors += piece.descriptors
        guard !piece.isTruncated, descriptors.count <= Self.descriptorsMax else { return false }
        framer.append(buffer[..<piece.byteCount])
        return proceed(plane)
    }

    /// Goes on with a listing, then with requests that have arrived; sends what there is.
    func proceed(_ plane: ControlPlane) -> Bool {
        while true {
            fillFromListing()
            guard flush() else { return false }
            if listing != nil {
                guard output.isEmpty else { return true }
                continue
            }
            guard isReady else { return !(isEnding && output.isEmpty) }
            do throws(ControlCodecError) {
                guard let message = try framer.next() else { return true }
                try take(message, plane)
            } catch {
                end(ControlFailure(.badMessage, "The message is refused: \(error). The connection ends."))
            }
        }
    }

    private func take(_ message: ArraySlice<UInt8>, _ plane: ControlPlane) throws(ControlCodecError) {
        guard isGreeted else {
            guard let version = ControlGreeting.common(with: try ControlGreeting.decode(message)) else {
                let ours = ControlGreeting.versions
                end(
                    ControlFailure(
                        .badMessage,
                        "The service speaks versions \(ours.lowerBound) to \(ours.upperBound) of the control "
                            + "protocol. Use the httpring that came with it."
                    )
                )
                return
            }
            isGreeted = true
            append(ControlGreeting.encoded(version...version))
            return
        }
        let (number, request) = try ControlRequest.decode(message)
        var passed: [PassedDescriptor] = []
        if case .attach = request { swap(&passed, &descriptors) }
        switch plane.handle(request, from: client, descriptors: passed) {
        case .answer(let answer, let descriptors): append(answer.encoded(number: number), descriptors)
        case .listing(let next): listing = (number, next)
        }
    }

    /// Tells the client something unasked; returns false where it does not read.
    func tell(_ event: ControlEvent, _ object: UInt64) -> Bool {
        guard !isEnding else { return true }
        append(ControlAnswer.event(event, object: object).encoded(number: 0))
        return outputByteCount <= Self.outputBytesMax && flush()
    }

    /// Says why, and closes once that is sent.
    func end(_ failure: ControlFailure) {
        append(ControlAnswer.failed(failure).encoded(number: 0))
        isEnding = true
        listing = nil
    }

    private func fillFromListing() {
        while let (number, next) = listing, outputByteCount < Self.outputBytesHigh {
            let records = next()
            append(ControlAnswer.records(records ?? [], isLast: records == nil).encoded(number: number))
            if records == nil { listing = nil }
        }
    }

    private func append(_ message: [UInt8], _ descriptors: [PassedDescriptor] = []) {
        let bytes = ControlFramer.framed(message)
        outputByteCount += bytes.count
        output.append((bytes[...], descriptors))
    }

    /// Sends what the socket takes; returns false when the client is gone.
    private func flush() -> Bool {
        var sent = 0
        defer { output.removeFirst(sent) }
        while sent < output.count {
            let item = output[sent]
            let count = UnixSocket.send(descriptor, item.bytes, item.descriptors)
            guard count > 0 else { return count == -Int(EAGAIN) }
            outputByteCount -= count
            output[sent].bytes = item.bytes.dropFirst(count)
            output[sent].descriptors = []
            if output[sent].bytes.isEmpty { sent += 1 }
        }
        return true
    }
}
