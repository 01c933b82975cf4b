// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService

/// `httpring update`.
struct Update: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Changes a certificate binding or queue; what is left out stays.",
        subcommands: [UpdateCertificate.self, UpdateQueue.self]
    )
}

/// `httpring update sslcert`.
struct UpdateCertificate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sslcert",
        abstract: "Changes a certificate binding.",
        discussion: """
            Only what is given changes; an empty value takes a parameter back to its default. Connections that are \
            open keep the certificate they have.

            EXAMPLE
              httpring update sslcert ipport=0.0.0.0:443 certfile=/etc/ssl/renewed.pem
            """
    )

    @OptionGroup(title: "Which connections") var key: CertificateKeyOptions
    @OptionGroup(title: "Parameters") var options: CertificateOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard !options.values.isEmpty else {
            throw ValidationError("Say what to change, as in certfile=/etc/ssl/new.pem.")
        }
    }

    func run() throws {
        try connection.perform(
            .update(.certificate, key: try key.required(), values: options.values),
            success: "SSL Certificate successfully updated"
        )
    }
}

/// `httpring update queue`.
struct UpdateQueue: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "Changes a queue that outlives its processes.",
        discussion: "The url= and user= that are given replace all there were; an empty one leaves none."
    )

    @OptionGroup var options: QueueOptions
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(
            .update(.queue, key: options.name, values: try options.values()),
            success: "Request queue successfully updated"
        )
    }
}

/// `httpring flush`.
struct Flush: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes out what is held back.",
        subcommands: [FlushLogBuffer.self]
    )
}

/// `httpring flush logbuffer`.
struct FlushLogBuffer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logbuffer",
        abstract: "Writes out what the error log and the access log hold."
    )

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(.flushLogs, success: "Log buffers successfully flushed")
    }
}

/// `httpring recycle`.
struct Recycle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replaces the process of a queue without losing a request.",
        discussion: """
            Starts the queue's unit; when the new process takes requests, the old one finishes what it has and ends.

            EXAMPLE
              httpring recycle shop
            """
    )

    @Argument(help: "The queue's name.")
    var queue: String

    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        try connection.perform(.recycle(queue: queue), success: "Recycling")
    }
}
