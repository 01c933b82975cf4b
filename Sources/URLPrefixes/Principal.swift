// SPDX-License-Identifier: Apache-2.0

/// Who asks for a change of the prefix table: the identity an application had when it connected.
public struct Principal: Hashable, Sendable {
    /// The user's number.
    public let userID: UInt32
    /// The numbers of all groups the user is in.
    public let groupIDs: [UInt32]
    /// Whether the user holds the implicit reservation of every root and may reserve anywhere.
    public let isAdministrator: Bool
    /// Whether access rules do not apply, as for the embedded host, which owns its table.
    let ownsTable: Bool

    /// Makes a principal from the facts the kernel reports about a peer.
    public init(userID: UInt32, groupIDs: [UInt32] = [], isAdministrator: Bool = false) {
        self.init(userID: userID, groupIDs: groupIDs, isAdministrator: isAdministrator, ownsTable: false)
    }

    private init(userID: UInt32, groupIDs: [UInt32], isAdministrator: Bool, ownsTable: Bool) {
        self.userID = userID
        self.groupIDs = groupIDs
        self.isAdministrator = isAdministrator
        self.ownsTable = ownsTable
    }

    /// User 0 as an administrator: may register wherever no reservation says otherwise.
    public static let administrator = Principal(userID: 0, isAdministrator: true)

    /// The host process of an embedded engine: owns its table, so that no access rule applies to it.
    public static let embedded = Principal(userID: 0, groupIDs: [], isAdministrator: true, ownsTable: true)
}
