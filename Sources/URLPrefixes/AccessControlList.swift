// SPDX-License-Identifier: Apache-2.0

/// Who may listen on, or delegate, a reserved prefix: rules that only allow, in any order.
///
/// Nothing is inherited from the reservation above. An empty list allows nobody.
/// Source: HTTP Server API, "UrlPrefix Reservation" (`GX`, `GW`, `GA`).
public struct AccessControlList: Hashable, Sendable {
    /// Whom a rule is about.
    public enum Subject: Hashable, Sendable {
        /// One user, by number.
        case user(UInt32)
        /// All members of one group, by number.
        case group(UInt32)
        /// All users.
        case everyone
    }

    /// What a rule allows.
    public struct Rights: OptionSet, Hashable, Sendable {
        /// The bits of the set.
        public let rawValue: UInt8

        /// Makes a set from its bits.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// To register the prefix and what is below it (`GX`).
        public static let listen = Rights(rawValue: 1)
        /// To reserve what is below the prefix for others, but not to listen there (`GW`).
        public static let delegate = Rights(rawValue: 2)
    }

    /// One rule.
    public struct Entry: Hashable, Sendable {
        /// Whom the rule is about.
        public let subject: Subject
        /// What it allows.
        public let rights: Rights

        /// Makes a rule.
        public init(subject: Subject, rights: Rights) {
            self.subject = subject
            self.rights = rights
        }
    }

    /// The rules in the order given.
    public let entries: [Entry]

    /// Makes a list of rules.
    public init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// Returns whether the rules, taken together, allow all of `rights` to `principal`.
    ///
    /// The number 65534, which the kernel reports for users and groups that have no number in our user
    /// namespace, is matched by no user and no group rule. Source: user_namespaces(7).
    public func grants(_ rights: Rights, to principal: Principal) -> Bool {
        var granted: Rights = []
        for entry in entries where Self.covers(entry.subject, principal) {
            granted.formUnion(entry.rights)
        }
        return granted.isSuperset(of: rights)
    }

    private static let unmappedID: UInt32 = 65534

    private static func covers(_ subject: Subject, _ principal: Principal) -> Bool {
        switch subject {
        case .user(let id): id != unmappedID && id == principal.userID
        case .group(let id): id != unmappedID && principal.groupIDs.contains(id)
        case .everyone: true
        }
    }
}
