// SPDX-License-Identifier: Apache-2.0

extension URLPrefix {
    /// The four name spaces of hosts, in the order in which routing consults them.
    ///
    /// Conflicts, access rules and reservations never cross from one to another.
    /// Source: HTTP Server API, "Host-Specifier Categories".
    public enum Bucket: UInt8, Hashable, Sendable, CaseIterable {
        /// `+`: every host, before all others.
        case strongWildcard
        /// A name or a sub-domain wildcard, compared with the request's host.
        case explicit
        /// An address literal: any host that arrives on that local address.
        case addressBound
        /// `*`: what is left.
        case weakWildcard
    }

    /// The host part of a URL prefix.
    public enum Host: Hashable, Sendable, CustomStringConvertible {
        /// `+`: every host, before all others.
        case strongWildcard
        /// A host name in lower case: an A-label or Unicode, as given, without a final dot.
        case name(String)
        /// `*.suffix`: every host with one or more labels before `suffix`, but not `suffix` itself.
        case subdomainWildcard(suffix: String)
        /// An address: every host that arrives on it; `0.0.0.0` and `[::]` mean any of their family.
        case address(IPAddressLiteral)
        /// `*`: every host, after all others.
        case weakWildcard

        /// The name space that the host belongs to.
        public var bucket: Bucket {
            switch self {
            case .strongWildcard: .strongWildcard
            case .name, .subdomainWildcard: .explicit
            case .address: .addressBound
            case .weakWildcard: .weakWildcard
            }
        }

        /// The host as it is written in a prefix; IPv6 addresses in brackets.
        public var description: String {
            switch self {
            case .strongWildcard: "+"
            case .name(let name): name
            case .subdomainWildcard(let suffix): "*.\(suffix)"
            case .address(let address): address.isIPv4 ? "\(address)" : "[\(address)]"
            case .weakWildcard: "*"
            }
        }

        /// The form that decides equality: as `description`, names as A-labels.
        var key: [UInt8] {
            switch self {
            case .name(let name): HostName.asciiForm(name)
            case .subdomainWildcard(let suffix): Array("*.".utf8) + HostName.asciiForm(suffix)
            case .strongWildcard, .address, .weakWildcard: Array(description.utf8)
            }
        }
    }
}
