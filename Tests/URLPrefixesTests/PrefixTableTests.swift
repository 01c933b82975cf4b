// SPDX-License-Identifier: Apache-2.0

import Testing
import URLPrefixes

@Suite("Reservations and registrations (HTTP Server API, Namespace Reservations and Registrations)")
struct PrefixTableTests {
    @Test("Worked examples are allowed and refused as listed", arguments: try Corpus.cases("access.txt"))
    func worked(example: ScriptCase) throws {
        var table = PrefixTable()
        var target: Int32 = 0
        for step in example.steps {
            try #require(step.count == 6)
            let who = try principal(step[1])
            let prefix = try URLPrefix(step[3])
            target += 1
            var outcome = "ok"
            do throws(PrefixTableError) {
                switch step[2] {
                case "register": try table.register(prefix, target: target, by: who)
                case "reserve": try table.reserve(prefix, acl: rules(step[4]), by: who)
                case "unreserve": try table.unreserve(prefix, by: who)
                default: outcome = table.unregister(prefix) ? "ok" : "notFound"
                }
            } catch {
                outcome = error.code.description
                #expect(error.description.contains(prefix.description))
            }
            #expect(outcome == step[5], "\(step.joined(separator: " "))")
        }
    }

    private func principal(_ text: String) throws -> Principal {
        if text == "admin" { return .administrator }
        if text == "embedded" { return .embedded }
        let numbers = text.split(separator: "+").compactMap { UInt32($0) }
        return Principal(userID: try #require(numbers.first), groupIDs: Array(numbers.dropFirst()))
    }

    private func rules(_ text: String) -> AccessControlList {
        AccessControlList(
            text.split(separator: ",").filter { $0 != "-" }.map { rule in
                let parts = rule.split(separator: "=")
                var rights: AccessControlList.Rights = []
                if parts[1].contains("l") { rights.insert(.listen) }
                if parts[1].contains("d") { rights.insert(.delegate) }
                return AccessControlList.Entry(subject: subject(parts[0]), rights: rights)
            }
        )
    }

    private func subject(_ text: Substring) -> AccessControlList.Subject {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let id = UInt32(parts[1]) else { return .everyone }
        return parts[0] == "group" ? .group(id) : .user(id)
    }

    @Test("Listings are sorted and keep the spelling given")
    func listings() throws {
        var table = PrefixTable()
        let everyone = AccessControlList([.init(subject: .everyone, rights: .listen)])
        for (index, text) in ["http://+:80/Z/", "http://+:80/a/", "https://h:443/", "http://*:80/"]
            .enumerated()
        {
            try table.register(try URLPrefix(text), target: Int32(index), by: .embedded)
            try table.reserve(try URLPrefix(text), acl: everyone, by: .administrator)
        }
        let sorted = ["http://*:80/", "http://+:80/a/", "http://+:80/Z/", "https://h:443/"]
        #expect(table.registrations.map(\.prefix.description) == sorted)
        #expect(table.registrations.map(\.target) == [3, 1, 0, 2])
        #expect(table.reservations.map(\.prefix.description) == sorted)
        #expect(table.reservations.allSatisfy { $0.acl == everyone })
    }

    @Test("A prefix without a port is refused until one is chosen")
    func portZero() throws {
        var table = PrefixTable()
        let prefix = try URLPrefix("http://localhost:0/", allowingPortZero: true)
        let error = #expect(throws: PrefixTableError.self) {
            try table.register(prefix, target: 0, by: .embedded)
        }
        #expect(error?.code == .portZero)
        try table.register(prefix.withPort(5000), target: 0, by: .embedded)
    }

    @Test("Access denied names the command that helps")
    func advice() throws {
        var table = PrefixTable()
        let error = #expect(throws: PrefixTableError.self) {
            try table.register(try URLPrefix("http://+:80/shop/"), target: 0, by: Principal(userID: 1000))
        }
        #expect(error?.description.contains("httpring add urlacl url=http://+:80/shop/ user=1000") == true)
    }

    @Test("A table is a value: a copy does not see the original's changes")
    func value() throws {
        var table = PrefixTable()
        try table.register(try URLPrefix("http://+:80/"), target: 0, by: .embedded)
        let copy = table
        let removed = table.unregister(try URLPrefix("http://+:80/"))
        #expect(removed)
        #expect(copy.registrations.count == 1)
        #expect(table.registrations.isEmpty)
    }
}
