// SPDX-License-Identifier: Apache-2.0

import HTTPEngine
import HTTPRingControl

/// One key of the configuration file: where it stands, what it means and how it is read.
public struct ConfigurationSetting: Sendable {
    /// The section it stands in, without brackets.
    public let section: String
    /// The key.
    public let key: String
    /// What it means, as one sentence.
    public let help: String
    /// Its default, as it would be written.
    public let standard: String
    /// Puts a value into a configuration.
    let apply: @Sendable (inout ServiceConfiguration, String) throws(SettingError) -> Void

    private init(
        _ section: String,
        _ key: String,
        _ standard: String,
        _ help: String,
        apply: @escaping @Sendable (inout ServiceConfiguration, String) throws(SettingError) -> Void
    ) {
        self.section = section
        self.key = key
        self.standard = standard
        self.help = help
        self.apply = apply
    }

    /// Every key there is, in the order of documentation.
    public static let all: [ConfigurationSetting] =
        service + control + engine + certificates + limits + timeouts + cache + logs

    private static let service = [
        ConfigurationSetting(
            "service",
            "state-file",
            "/var/lib/httpring/state",
            "Where reservations, certificate bindings and other settings made with httpring are kept."
        ) { (configuration, text) throws(SettingError) in configuration.stateFile = try SettingText.path(text)
        },
        ConfigurationSetting(
            "service",
            "lock-file",
            "/run/httpring/httpringd.lock",
            "The file that is locked so that no second instance starts."
        ) { (configuration, text) throws(SettingError) in configuration.lockFile = try SettingText.path(text)
        },
        ConfigurationSetting(
            "service",
            "administrators-group",
            "none",
            "Name or number of the group whose members may do what root may."
        ) { (configuration, text) throws(SettingError) in
            configuration.administratorsGroup = text == "none" ? nil : text
        },
        ConfigurationSetting(
            "service",
            "shutdown-timeout",
            "30s",
            "How long requests in progress may take when the service stops."
        ) { (configuration, text) throws(SettingError) in
            configuration.shutdownTimeout = try SettingText.duration(text, .zero ... .seconds(3600))
        },
        ConfigurationSetting(
            "service",
            "starter",
            "/usr/bin/systemctl",
            "The program that starts the units of queues, run as 'PROGRAM --no-block start UNIT'."
        ) { (configuration, text) throws(SettingError) in configuration.starter = try SettingText.path(text)
        },
    ]

    private static let certificates = [
        ConfigurationSetting(
            "certificates",
            "reload",
            "60s",
            "How often the files of certificates are looked at for changes; none looks on reload only."
        ) { (configuration, text) throws(SettingError) in
            configuration.certificateReloadInterval = try SettingText.optional(text) {
                (text) throws(SettingError) in
                try SettingText.duration(text, .seconds(1) ... .seconds(86_400))
            }
        }
    ]

    private static let control = [
        ConfigurationSetting("control", "socket", "/run/httpring/control.sock", "The control socket's path.")
        {
            (configuration, text) throws(SettingError) in
            let path = try SettingText.path(text)
            guard path.utf8.count <= 107 else { throw SettingError("a path of at most 107 bytes (unix(7))") }
            configuration.controlSocket = path
        },
        ConfigurationSetting(
            "control",
            "socket-mode",
            "0666",
            "The control socket's access mode; who may write may connect, and is then held to his rights."
        ) { (configuration, text) throws(SettingError) in
            configuration.controlSocketMode = try SettingText.mode(text)
        },
        limit("connections", "512", "Control connections at once.", 16...65536, \.connectionsMax),
        limit(
            "connections-per-user",
            "32",
            "Control connections at once of one user.",
            1...65536,
            \.connectionsPerUser
        ),
        limit(
            "message-bytes",
            "65536",
            "Bytes of one control request.",
            4096...(16 << 20),
            \.messageBytesMax
        ),
        limit(
            "registrations-per-user",
            "1000",
            "URL prefixes one user may have registered.",
            1...1_000_000,
            \.registrationsPerUser
        ),
        limit("queues-per-user", "64", "Request queues one user may have open.", 1...65536, \.queuesPerUser),
        limit(
            "groups-per-user",
            "1000",
            "URL groups one user may have open.",
            1...1_000_000,
            \.groupsPerUser
        ),
        limit(
            "reservations",
            "500000",
            "Reservations of the whole service.",
            1...1_000_000,
            \.reservationsMax
        ),
    ]

    private static let engine = [
        ConfigurationSetting(
            "engine",
            "loops",
            "auto",
            "Event loops, each a thread, up to 63; auto is one for each processor."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.loopCount =
                text == "auto" ? nil : try SettingText.number(text, 1...AttachmentFormat.loopCountMax)
        },
        ConfigurationSetting(
            "engine",
            "pin-loops",
            "no",
            "Whether each loop stays on a processor of its own."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.pinsLoops = try SettingText.flag(text)
        },
        ConfigurationSetting(
            "engine",
            "queue-spin",
            "0us",
            "How long a loop looks for answers of applications before it sleeps, up to 1ms; costs processor time."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.queueSpin = try SettingText.duration(text, .zero ... .milliseconds(1))
        },
        ConfigurationSetting(
            "engine",
            "proxy-protocol",
            "none",
            "Listeners whose connections begin with a PROXY header, as in 8443, 10.0.0.5:443, [::1]:443; or none."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.proxyProtocol =
                try SettingText.optional(text) { (text) throws(SettingError) in
                    try SettingText.listeningAddresses(text)
                } ?? []
        },
        ConfigurationSetting(
            "engine",
            "server-header",
            "HTTPRing",
            "Value of the Server field; none sends none."
        ) {
            (configuration, text) throws(SettingError) in
            guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), !text.isEmpty else {
                throw SettingError("visible ASCII characters, or none")
            }
            configuration.engine.serverHeader = text == "none" ? nil : text
        },
        ConfigurationSetting(
            "engine",
            "allow-alternate-schemes",
            "no",
            "Whether a proxy that ends TLS may ask for https in cleartext; else 421."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.allowsAlternateSchemes = try SettingText.flag(text)
        },
    ]

    private static let limits = [
        ConfigurationSetting("limits", "max-connections", "none", "Client connections at once.") {
            (configuration, text) throws(SettingError) in
            configuration.engine.limits.maxConnections = try SettingText.optional(text) {
                (text) throws(SettingError) in try SettingText.number(text, 1...10_000_000)
            }
        },
        ConfigurationSetting(
            "limits",
            "max-request-body-size",
            "30000000",
            "Bytes of a request's content; over it 413."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.limits.maxRequestBodySize = try SettingText.optional(text) {
                (text) throws(SettingError) in Int64(try SettingText.byteCount(text, 0...(1 << 50)))
            }
        },
        size(
            "max-request-head-bytes",
            "32KiB",
            "Bytes of request line and fields; over it 431.",
            256...(1 << 20),
            \.maxRequestHeadBytes
        ),
        size(
            "max-request-target-bytes",
            "8KiB",
            "Bytes of the request target; over it 414.",
            64...(1 << 20),
            \.maxRequestTargetBytes
        ),
        size(
            "max-request-header-count",
            "100",
            "Field lines of a request; over it 431.",
            1...10_000,
            \.maxRequestHeaderCount
        ),
        size(
            "max-request-buffer-size",
            "64KiB",
            "Bytes of content held for an application that does not read.",
            4096...(1 << 30),
            \.maxRequestBufferSize
        ),
        size(
            "max-response-buffer-size",
            "64KiB",
            "Bytes of response held for a client that does not read.",
            4096...(1 << 30),
            \.maxResponseBufferSize
        ),
    ]

    private static let timeouts = [
        timeout("header-wait", "30s", "A whole head must be in after so long; else 408.", \.headerWait),
        timeout(
            "idle-connection",
            "120s",
            "A connection without a request is closed after so long.",
            \.idleConnection
        ),
        timeout("entity-body", "120s", "No byte of content for so long: 408.", \.entityBody),
        timeout("drain-entity-body", "5s", "The rest of unread content may take so long.", \.drainEntityBody),
        timeout(
            "request-queue",
            "120s",
            "A request may wait in its queue for so long; then 503.",
            \.requestQueue
        ),
        rate(
            "min-send-rate",
            "150",
            "Bytes a second below which a client that takes a response is cut off; 0 is off.",
            \.minSendBytesPerSecond
        ),
        rate(
            "min-request-body-rate",
            "150",
            "Bytes a second below which a client that sends content gets 408; 0 is off.",
            \.minRequestBodyBytesPerSecond
        ),
    ]

    private static let cache = [
        ConfigurationSetting(
            "cache",
            "enabled",
            "yes",
            "Whether responses are stored and served from memory."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.responseCaching = try SettingText.flag(text)
        },
        ConfigurationSetting("cache", "byte-budget", "64MiB", "Bytes the response cache may hold.") {
            (configuration, text) throws(SettingError) in
            configuration.engine.cacheByteBudget = try SettingText.byteCount(text, 0...(1 << 46))
        },
    ]

    private static let logs = [
        ConfigurationSetting(
            "logs",
            "error-log",
            "none",
            "stderr, or the directory of the error log's files."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.errorLog = try LogSetting.sink(text)
        },
        ConfigurationSetting(
            "logs",
            "access-log",
            "none",
            "stderr, or the directory of the access log's files."
        ) {
            (configuration, text) throws(SettingError) in
            configuration.engine.accessLog = try LogSetting.sink(text)
        },
        ConfigurationSetting("logs", "access-log-format", "combined", "combined (NCSA) or w3c.") {
            (configuration, text) throws(SettingError) in
            configuration.engine.accessLogFormat = try LogSetting.format(text)
        },
    ]

    // A key path to a value is not Sendable by itself; these name stored properties only.
    private static func limit(
        _ key: String,
        _ standard: String,
        _ help: String,
        _ bounds: ClosedRange<Int>,
        _ path: any WritableKeyPath<ControlLimits, Int> & Sendable
    ) -> ConfigurationSetting {
        ConfigurationSetting("control", key, standard, help) { (configuration, text) throws(SettingError) in
            configuration.controlLimits[keyPath: path] = try SettingText.number(text, bounds)
        }
    }

    private static func size(
        _ key: String,
        _ standard: String,
        _ help: String,
        _ bounds: ClosedRange<Int>,
        _ path: any WritableKeyPath<EngineLimits, Int> & Sendable
    ) -> ConfigurationSetting {
        ConfigurationSetting("limits", key, standard, help) { (configuration, text) throws(SettingError) in
            configuration.engine.limits[keyPath: path] = try SettingText.byteCount(text, bounds)
        }
    }

    private static func timeout(
        _ key: String,
        _ standard: String,
        _ help: String,
        _ path: any WritableKeyPath<TimeoutManager, Duration> & Sendable
    ) -> ConfigurationSetting {
        ConfigurationSetting("timeouts", key, standard, help) { (configuration, text) throws(SettingError) in
            configuration.engine.timeouts[keyPath: path] = try SettingText.duration(
                text,
                .milliseconds(1) ... .seconds(86_400)
            )
        }
    }

    private static func rate(
        _ key: String,
        _ standard: String,
        _ help: String,
        _ path: any WritableKeyPath<TimeoutManager, Int> & Sendable
    ) -> ConfigurationSetting {
        ConfigurationSetting("timeouts", key, standard, help) { (configuration, text) throws(SettingError) in
            configuration.engine.timeouts[keyPath: path] = try SettingText.number(text, 0...(1 << 40))
        }
    }
}

/// Reads where a log goes.
private enum LogSetting {
    static func sink(_ text: String) throws(SettingError) -> LogSink? {
        switch text {
        case "none": return nil
        case "stderr": return .descriptor(2)
        default:
            guard let path = try? SettingText.path(text) else {
                throw SettingError("none, stderr, or the absolute path of a directory")
            }
            return .files(LogFiles(directory: path))
        }
    }

    static func format(_ text: String) throws(SettingError) -> AccessLogFormat {
        switch text {
        case "combined": .ncsaCombined
        case "w3c": .w3c
        default: throw SettingError("combined or w3c")
        }
    }
}
