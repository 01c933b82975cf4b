// SPDX-License-Identifier: Apache-2.0

/// What the service tells a client without being asked; carried under the number 0.
public enum ControlEvent: UInt8, Sendable {
    /// The queue's process shall take no more requests, finish what it has, and end.
    case drain = 1
    /// The queue has a request and no process that takes it: start one. Told to its controllers.
    case demandStart
    /// The queue is gone.
    case queueClosed
    /// The queue's process shall say that it is alive: `ControlRequest.pong`.
    case ping
}

/// What the service answers.
public enum ControlAnswer: Sendable, Hashable {
    /// It is done; the words, if any, are for the operator.
    case done(String?)
    /// It is not done.
    case failed(ControlFailure)
    /// Records of a listing; `isLast` ends it.
    case records([ControlValue], isLast: Bool)
    /// The number of the object that was made or opened.
    case object(UInt64)
    /// The prefix that was registered, with its real port.
    case registered(String)
    /// The transport's own bytes; descriptors go along.
    case attached([UInt8])
    /// Something happened to an object of the client's.
    case event(ControlEvent, object: UInt64)
}

extension ControlAnswer {
    /// The message that carries the answer to request `number`.
    public func encoded(number: UInt32) -> [UInt8] {
        var writer = ControlWriter()
        writer.number(number)
        switch self {
        case .done(let words):
            writer.number(UInt8(1))
            writer.optional(words) { $0.text($1) }
        case .failed(let failure):
            writer.number(UInt8(2))
            writer.number(failure.code.rawValue)
            writer.text(failure.words)
        case .records(let records, let isLast):
            writer.number(UInt8(3))
            writer.flag(isLast)
            writer.list(records) { $1.write(to: &$0) }
        case .object(let object):
            writer.number(UInt8(4))
            writer.number(object)
        case .registered(let url):
            writer.number(UInt8(5))
            writer.text(url)
        case .attached(let payload):
            writer.number(UInt8(6))
            writer.data(payload)
        case .event(let event, let object):
            writer.number(UInt8(7))
            writer.number(event.rawValue)
            writer.number(object)
        }
        return writer.bytes
    }

    /// Reads a message.
    ///
    /// - Parameter bytes: one whole message without its length.
    /// - Returns: the answer and the number of its request, 0 for an event.
    /// - Throws: where the bytes are no answer.
    public static func decode(
        _ bytes: ArraySlice<UInt8>
    ) throws(ControlCodecError) -> (number: UInt32, answer: ControlAnswer) {
        var reader = ControlReader(bytes)
        let number = try reader.number(UInt32.self)
        let answer: ControlAnswer
        switch try reader.number(UInt8.self) {
        case 1:
            answer = .done(try reader.optional { (reader) throws(ControlCodecError) in try reader.text() })
        case 2:
            guard let code = ControlFailure.Code(rawValue: try reader.number()) else {
                throw reader.error("there is no such failure")
            }
            answer = .failed(ControlFailure(code, try reader.text()))
        case 3:
            let isLast = try reader.flag()
            let records = try reader.list { (reader) throws(ControlCodecError) in
                try ControlValue(from: &reader)
            }
            answer = .records(records, isLast: isLast)
        case 4: answer = .object(try reader.number())
        case 5: answer = .registered(try reader.text())
        case 6: answer = .attached(try reader.data())
        case 7:
            guard let event = ControlEvent(rawValue: try reader.number()) else {
                throw reader.error("there is no such event")
            }
            answer = .event(event, object: try reader.number())
        default: throw reader.error("there is no such answer")
        }
        try reader.finish()
        return (number, answer)
    }
}
