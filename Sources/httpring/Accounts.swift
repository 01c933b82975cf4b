// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Synchronization
import URLPrefixes

/// Names and numbers of users and groups (passwd(5), group(5)).
enum Accounts {
    /// A user of a name or number.
    static func user(_ text: String) throws -> AccessControlList.Subject {
        let name = text.hasPrefix("\\") ? String(text.dropFirst()) : text
        if name.lowercased() == "everyone" { return .everyone }
        if name.hasPrefix("@") { return try group(String(name.dropFirst())) }
        if let number = UInt32(name) { return .user(number) }
        guard let entry = getpwnam(name) else {
            throw ValidationError(
                "There is no user '\(name)'. Give a name or number of a user, @group for a group, or everyone."
            )
        }
        return .user(entry.pointee.pw_uid)
    }

    /// A group of a name or number.
    static func group(_ name: String) throws -> AccessControlList.Subject {
        if let number = UInt32(name) { return .group(number) }
        guard let entry = getgrnam(name) else {
            throw ValidationError("There is no group '\(name)'. Give a name or number of a group.")
        }
        return .group(entry.pointee.gr_gid)
    }

    /// Names that were looked up: a long listing names few users many times, and a look-up reads files.
    private static let known = Mutex<[AccessControlList.Subject: String]>([:])

    /// A subject as people know it: `alice`, `@staff`, `Everyone`; the number where there is no name.
    static func name(_ subject: AccessControlList.Subject) -> String {
        known.withLock { known in
            if let name = known[subject] { return name }
            let name = lookUp(subject)
            known[subject] = name
            return name
        }
    }

    private static func lookUp(_ subject: AccessControlList.Subject) -> String {
        switch subject {
        case .user(let id): getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? "\(id)"
        case .group(let id): "@" + (getgrgid(id).map { String(cString: $0.pointee.gr_name) } ?? "\(id)")
        case .everyone: "Everyone"
        }
    }
}

/// The forms of security descriptors that mean something here.
///
/// Shape: `D:(A;;GX;;;WD)(A;;GA;;;S-1-22-1-1000)`: rules that allow `GX` (listen), `GW` (delegate) or `GA` (both) to
/// everyone (`WD`), root (`BA`, `SY`, `LA`), or a user or group by Samba's identifiers of Unix accounts.
enum SecurityDescriptor {
    static func parse(_ text: String) throws -> [AccessControlList.Entry] {
        guard text.hasPrefix("D:("), text.hasSuffix(")") else { throw refused(text) }
        return try text.dropFirst(3).dropLast().split(separator: ")(", omittingEmptySubsequences: false).map {
            rule in
            let parts = rule.split(separator: ";", omittingEmptySubsequences: false)
            guard parts.count == 6, parts[0] == "A", parts[1].isEmpty, parts[3].isEmpty, parts[4].isEmpty,
                let rights = rights(parts[2]), let subject = subject(parts[5])
            else { throw refused(text) }
            return AccessControlList.Entry(subject: subject, rights: rights)
        }
    }

    private static func refused(_ text: String) -> ValidationError {
        ValidationError(
            "'\(text)' is no security descriptor that can be kept. Rules look like D:(A;;GX;;;WD), with GX, GW or GA, "
                + "and WD, BA, SY, S-1-22-1-UID or S-1-22-2-GID."
        )
    }

    private static func rights(_ text: Substring) -> AccessControlList.Rights? {
        switch text {
        case "GX": .listen
        case "GW": .delegate
        case "GA", "GXGW": [.listen, .delegate]
        default: nil
        }
    }

    private static func subject(_ text: Substring) -> AccessControlList.Subject? {
        switch text {
        case "WD": return .everyone
        case "BA", "SY", "LA": return .user(0)
        default: break
        }
        if text.hasPrefix("S-1-22-1-") { return UInt32(text.dropFirst(9)).map { .user($0) } }
        if text.hasPrefix("S-1-22-2-") { return UInt32(text.dropFirst(9)).map { .group($0) } }
        return nil
    }

    /// Writes one rule.
    static func rule(_ subject: AccessControlList.Subject, listen: Bool, delegate: Bool) -> String {
        let account =
            switch subject {
            case .everyone: "WD"
            case .user(let id): "S-1-22-1-\(id)"
            case .group(let id): "S-1-22-2-\(id)"
            }
        return "(A;;\(listen && delegate ? "GA" : listen ? "GX" : "GW");;;\(account))"
    }
}
