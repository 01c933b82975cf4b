// SPDX-License-Identifier: Apache-2.0

public import URLPrefixes

/// Who is at the other end of a control connection, as the kernel knew it at connect.
///
/// A process that connected as root and then became another user is root here; a connection handed on carries
/// its maker's rights. Source: unix(7), `SO_PEERCRED`, `SO_PEERGROUPS`.
public struct PeerIdentity: Sendable, Hashable {
    /// The process; 0 where it is of another process namespace.
    public let processID: Int32
    /// The user.
    public let userID: UInt32
    /// All groups.
    public let groupIDs: [UInt32]

    /// Makes an identity.
    public init(processID: Int32, userID: UInt32, groupIDs: [UInt32]) {
        self.processID = processID
        self.userID = userID
        self.groupIDs = groupIDs
    }

    /// The principal that access rules are held against.
    ///
    /// - Parameter administratorsGroup: the group whose members may do what root may.
    public func principal(administratorsGroup: UInt32?) -> Principal {
        // 65534 stands for every user and group that has no number in our user namespace.
        let isMember = administratorsGroup.map { $0 != 65534 && groupIDs.contains($0) } ?? false
        return Principal(userID: userID, groupIDs: groupIDs, isAdministrator: userID == 0 || isMember)
    }
}
