// SPDX-License-Identifier: Apache-2.0

/// A value under a name, in requests.
public struct NamedValue: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The value.
    public let value: String

    /// Makes a named value.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// What can be added, deleted and shown.
public enum ControlTopic: UInt8, Sendable, CaseIterable {
    /// Reservations; the key is a prefix, the values are subjects with their rights.
    case reservation = 1
    /// Certificate bindings; the key is a `CertificateKey`, the values are its switches.
    case certificate
    /// Addresses of the listen list; the key is one.
    case listenAddress
    /// Service-wide time-outs; the key is a `ServiceTimeout`, the value `value` its seconds.
    case timeout
    /// Parameters of the cache; the key is a `CacheParameter`, the value `value` its bytes.
    case cacheParameter
    /// Queues that outlive their processes; the key is a name.
    case queue
    /// Sessions, URL groups and queues; shown only. The key is `session` or `requestq`.
    case serviceState
    /// Stored responses; shown only. The key is a URL.
    case cacheState
    /// Counters; shown only.
    case statistics
}

/// How a client opens a request queue.
///
/// Source: HttpCreateRequestQueue; ASP.NET Core, `RequestQueueMode`.
public enum QueueOpeningMode: UInt8, Sendable {
    /// Makes it; fails where there is one of the name.
    case create = 1
    /// Joins one that is there.
    case attach
    /// Joins it where it is there, else makes it.
    case createOrAttach
}

/// What a client asks of the service.
public enum ControlRequest: Sendable, Hashable {
    /// Adds something persistent.
    case add(ControlTopic, key: String, values: [NamedValue])
    /// Changes something persistent; values left out stay.
    case update(ControlTopic, key: String, values: [NamedValue])
    /// Deletes something persistent.
    case delete(ControlTopic, key: String)
    /// Lists; answered by one or more pieces of records.
    case show(ControlTopic, key: String?)
    /// Removes stored responses: all, those of a URL, or those of a URL and all below it.
    case flushCache(url: String?, recursive: Bool)
    /// Writes out what the logs hold.
    case flushLogs
    /// Replaces the process of a queue without losing a request.
    case recycle(queue: String)
    /// Makes a server session; answered with its number.
    case createSession
    /// Makes a URL group in a session; answered with its number.
    case createGroup(session: UInt64)
    /// Opens a request queue; answered with its number. An empty name makes one that nobody else can open.
    ///
    /// A controller configures the queue and takes no requests. `access` lists who else may open it, as
    /// `AccessControlList.Subject.text`; it counts only where the queue is made.
    case openQueue(name: String, mode: QueueOpeningMode, isController: Bool, access: [String])
    /// Closes a session, a group or a queue of the client's, and what is in it.
    case close(UInt64)
    /// Sends the requests of a group to a queue; 0 sends them nowhere.
    case bind(group: UInt64, queue: UInt64)
    /// Registers a prefix for a group; answered with the prefix, which has a real port.
    case register(group: UInt64, url: String)
    /// Takes a registration back.
    case unregister(group: UInt64, url: String)
    /// Sets properties of a session, group or queue.
    case setProperties(UInt64, [NamedValue])
    /// Attaches the client's memory to a queue; the transport's own bytes and descriptors go along.
    case attach(queue: UInt64, payload: [UInt8])
    /// Takes no more requests of a queue that the client is attached to; those it has go on.
    case drain(queue: UInt64)
    /// Answers `ControlEvent.ping`.
    case pong(queue: UInt64)
    /// Lets the client hand requests on to a queue of this name, whenever there is one that its user may open.
    ///
    /// Answered with the number by which the transport names it. Asked for before `attach`.
    case delegation(target: String)
}

extension ControlRequest {
    fileprivate enum Command: UInt8 {
        case add = 1, update, delete, show, flushCache, flushLogs, recycle, createSession, createGroup,
            openQueue
        case close, bind, register, unregister, setProperties, attach, drain, pong, delegation
    }

    /// The message that carries the request; `number` is repeated in the answers.
    public func encoded(number: UInt32) -> [UInt8] {
        var writer = ControlWriter()
        writer.number(number)
        switch self {
        case .add(let topic, let key, let values): writer.setting(.add, topic, key, values)
        case .update(let topic, let key, let values): writer.setting(.update, topic, key, values)
        case .delete(let topic, let key):
            writer.command(.delete)
            writer.number(topic.rawValue)
            writer.text(key)
        case .show(let topic, let key):
            writer.command(.show)
            writer.number(topic.rawValue)
            writer.optional(key) { $0.text($1) }
        case .flushCache(let url, let recursive):
            writer.command(.flushCache)
            writer.optional(url) { $0.text($1) }
            writer.flag(recursive)
        case .flushLogs: writer.command(.flushLogs)
        case .recycle(let queue):
            writer.command(.recycle)
            writer.text(queue)
        default: encodeLive(&writer)
        }
        return writer.bytes
    }

    /// The requests about live objects.
    private func encodeLive(_ writer: inout ControlWriter) {
        switch self {
        case .createSession: writer.command(.createSession)
        case .createGroup(let session): writer.command(.createGroup, session)
        case .openQueue(let name, let mode, let isController, let access):
            writer.command(.openQueue)
            writer.text(name)
            writer.number(mode.rawValue)
            writer.flag(isController)
            writer.list(access) { $0.text($1) }
        case .close(let object): writer.command(.close, object)
        case .bind(let group, let queue):
            writer.command(.bind, group)
            writer.number(queue)
        case .register(let group, let url):
            writer.command(.register, group)
            writer.text(url)
        case .unregister(let group, let url):
            writer.command(.unregister, group)
            writer.text(url)
        case .setProperties(let object, let values):
            writer.command(.setProperties, object)
            writer.values(values)
        case .attach(let queue, let payload):
            writer.command(.attach, queue)
            writer.data(payload)
        case .drain(let queue): writer.command(.drain, queue)
        case .pong(let queue): writer.command(.pong, queue)
        case .delegation(let target):
            writer.command(.delegation)
            writer.text(target)
        default: preconditionFailure("encoded(number:) writes every other request")
        }
    }

    /// Reads a message.
    ///
    /// - Parameter bytes: one whole message without its length.
    /// - Returns: the request and its number.
    /// - Throws: where the bytes are no request; the connection cannot be trusted after that.
    public static func decode(
        _ bytes: ArraySlice<UInt8>
    ) throws(ControlCodecError) -> (number: UInt32, request: ControlRequest) {
        var reader = ControlReader(bytes)
        let number = try reader.number(UInt32.self)
        guard let command = Command(rawValue: try reader.number()) else {
            throw reader.error("there is no such request")
        }
        let request = try decode(command, &reader)
        try reader.finish()
        return (number, request)
    }

    private static func decode(
        _ command: Command,
        _ reader: inout ControlReader
    ) throws(ControlCodecError) -> ControlRequest {
        switch command {
        case .add: .add(try reader.topic(), key: try reader.text(), values: try reader.values())
        case .update: .update(try reader.topic(), key: try reader.text(), values: try reader.values())
        case .delete: .delete(try reader.topic(), key: try reader.text())
        case .show: .show(try reader.topic(), key: try reader.optionalText())
        case .flushCache: .flushCache(url: try reader.optionalText(), recursive: try reader.flag())
        case .flushLogs: .flushLogs
        case .recycle: .recycle(queue: try reader.text())
        case .createSession: .createSession
        case .createGroup: .createGroup(session: try reader.number())
        case .openQueue:
            .openQueue(
                name: try reader.text(),
                mode: try reader.mode(),
                isController: try reader.flag(),
                access: try reader.list { (reader) throws(ControlCodecError) in try reader.text() }
            )
        case .close: .close(try reader.number())
        case .bind: .bind(group: try reader.number(), queue: try reader.number())
        case .register: .register(group: try reader.number(), url: try reader.text())
        case .unregister: .unregister(group: try reader.number(), url: try reader.text())
        case .setProperties: .setProperties(try reader.number(), try reader.values())
        case .attach: .attach(queue: try reader.number(), payload: try reader.data())
        case .drain: .drain(queue: try reader.number())
        case .pong: .pong(queue: try reader.number())
        case .delegation: .delegation(target: try reader.text())
        }
    }
}

extension ControlWriter {
    fileprivate mutating func command(_ command: ControlRequest.Command) { number(command.rawValue) }

    fileprivate mutating func command(_ command: ControlRequest.Command, _ object: UInt64) {
        number(command.rawValue)
        number(object)
    }

    fileprivate mutating func setting(
        _ command: ControlRequest.Command,
        _ topic: ControlTopic,
        _ key: String,
        _ values: [NamedValue]
    ) {
        number(command.rawValue)
        number(topic.rawValue)
        text(key)
        self.values(values)
    }

    fileprivate mutating func values(_ values: [NamedValue]) {
        list(values) {
            $0.text($1.name)
            $0.text($1.value)
        }
    }
}

extension ControlReader {
    fileprivate mutating func topic() throws(ControlCodecError) -> ControlTopic {
        guard let topic = ControlTopic(rawValue: try number()) else { throw error("there is no such topic") }
        return topic
    }

    fileprivate mutating func mode() throws(ControlCodecError) -> QueueOpeningMode {
        guard let mode = QueueOpeningMode(rawValue: try number()) else {
            throw error("there is no such mode")
        }
        return mode
    }

    fileprivate mutating func optionalText() throws(ControlCodecError) -> String? {
        try optional { (reader) throws(ControlCodecError) in try reader.text() }
    }

    fileprivate mutating func values() throws(ControlCodecError) -> [NamedValue] {
        try list { (reader) throws(ControlCodecError) in
            let name = try reader.text()
            return NamedValue(name, try reader.text())
        }
    }
}
