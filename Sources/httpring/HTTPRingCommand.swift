// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HTTPRingService

/// The command line of the service: the tree of `netsh http`.
@main
struct HTTPRingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "httpring",
        abstract:
            "Manages the HTTP service: who may listen where, certificates, time-outs, live state, cache.",
        discussion: """
            Parameters are written as options or the way of netsh, so that these two are the same:

              httpring add urlacl --url http://+:80/shop/ --user alice
              httpring add urlacl url=http://+:80/shop/ user=alice

            Every 'show' has --json. Changes take effect at once, survive a restart, and are written to the \
            service's log. 'httpring help add urlacl' explains one command.

            EXIT CODES
              0   done
              64  the command line is wrong
              65  a value is none of those allowed
              66  there is no such thing
              69  the service cannot be reached, or is stopping
              71  the machine refuses: a port is taken, the service lacks a right
              73  it is there already, or stands against something that is
              74  the change could not be saved
              75  a limit is reached
              76  the connection to the service broke
              77  you have no right to it
              80  a URL prefix is none
              81  the service cannot do it as it is set up

            ENVIRONMENT
              HTTPRING_SOCKET  the control socket, unless --socket names it
            """,
        version: "httpring 1.0",
        subcommands: [
            Add.self, Delete.self, Show.self, Update.self, Flush.self, Dump.self, Recycle.self, Top.self,
        ]
    )

    static func main() {
        main(NetshArguments.convert(Array(CommandLine.arguments.dropFirst())))
    }
}

/// Turns the spelling of netsh into options.
enum NetshArguments {
    /// Options without a value, after which `name=value` is another option.
    private static let flags: Set<String> = ["--json", "--help", "-h", "--version", "--"]

    /// Returns the arguments with each `name=value` as `--name value`.
    ///
    /// What follows an option that takes a value is that value, whatever it looks like.
    static func convert(_ arguments: [String]) -> [String] {
        var converted: [String] = []
        var isValue = false
        for argument in arguments {
            if isValue {
                converted.append(argument)
                isValue = false
                continue
            }
            if argument.hasPrefix("-") {
                isValue = !argument.contains("=") && !flags.contains(argument)
                converted.append(argument)
                continue
            }
            guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex,
                argument[..<equals].utf8.allSatisfy({
                    (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                })
            else {
                converted.append(argument)
                continue
            }
            let name = "--\(argument[..<equals].lowercased())"
            let value = String(argument[argument.index(after: equals)...])
            // With '=' the value may begin with a hyphen; without, it may be empty.
            converted += value.isEmpty ? [name, value] : ["\(name)=\(value)"]
        }
        return converted
    }
}
