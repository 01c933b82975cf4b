// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService

/// `httpring delete`.
struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Deletes what was added, or stored responses.",
        subcommands: [
            DeleteReservation.self, DeleteCertificate.self, DeleteListenAddress.self, DeleteTimeout.self,
            DeleteCacheParameter.self, DeleteQueue.self, DeleteCache.self,
        ]
    )
}

/// `httpring delete urlacl`.
struct DeleteReservation: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "urlacl",
        abstract: "Deletes a reservation; registrations made under it stay."
    )

    @Option(help: "The URL prefix.")
    var url: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .delete(.reservation, key: url),
            success: "URL reservation successfully deleted"
        )
    }
}

/// `httpring delete sslcert`.
struct DeleteCertificate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sslcert",
        abstract: "Deletes a certificate binding."
    )

    @OptionGroup(title: "Which connections") var key: CertificateKeyOptions
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .delete(.certificate, key: try key.required()),
            success: "SSL Certificate successfully deleted"
        )
    }
}

/// `httpring delete iplisten`.
struct DeleteListenAddress: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iplisten",
        abstract: "Takes an address off the listen list."
    )

    @Option(help: "The address.")
    var ipaddress: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .delete(.listenAddress, key: ipaddress),
            success: "IP address successfully deleted"
        )
    }
}

/// `httpring delete timeout`.
struct DeleteTimeout: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeout",
        abstract: "Takes a time-out back to the configuration file's value."
    )

    @Option(help: "idleconnectiontimeout or headerwaittimeout.")
    var timeouttype: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .delete(.timeout, key: timeouttype),
            success: "Timeout value successfully deleted"
        )
    }
}

/// `httpring delete cacheparam`.
struct DeleteCacheParameter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cacheparam",
        abstract: "Takes a cache parameter back to its default."
    )

    @Option(help: "maxcacheresponsesize or cacherangechunksize.")
    var type: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .delete(.cacheParameter, key: type),
            success: "Cache parameter successfully deleted"
        )
    }
}

/// `httpring delete queue`.
struct DeleteQueue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Deletes a queue's definition; its prefixes are free at once."
    )

    @Option(help: "The queue's name.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(.delete(.queue, key: name), success: "Request queue successfully deleted")
    }
}

/// `httpring delete cache`.
struct DeleteCache: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Removes stored responses: all, those of a URL, or those of a URL and all below it.",
        discussion: "EXAMPLE\n  httpring delete cache url=http://+:80/shop/ recursive=yes"
    )

    @Option(help: "The URL; left out, everything goes.")
    var url: String?

    @Option(help: "yes or no: whether all below the URL goes too. Default no.")
    var recursive: YesNo = .no

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .flushCache(url: url, recursive: recursive == .yes),
            success: "Cached responses successfully deleted"
        )
    }
}
