// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPRingControl

extension UnixSocket {
    /// Who connected, as it was at that moment; `nil` where the kernel does not say (unix(7)).
    static func identity(of descriptor: Int32) -> PeerIdentity? {
        // struct ucred: process, user, group.
        var credentials = [UInt32](repeating: 0, count: 3)
        var length = socklen_t(12)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, length == 12 else {
            return nil
        }
        var groups = [UInt32](repeating: 0, count: 65_536)
        length = socklen_t(groups.count * 4)
        let peerGroups: Int32 = 59  // SO_PEERGROUPS [4.13], which Glibc's module leaves out.
        guard getsockopt(descriptor, SOL_SOCKET, peerGroups, &groups, &length) == 0 else { return nil }
        var all = Array(groups.prefix(Int(length) / 4))
        if !all.contains(credentials[2]) { all.append(credentials[2]) }
        return PeerIdentity(
            processID: Int32(bitPattern: credentials[0]),
            userID: credentials[1],
            groupIDs: all
        )
    }
}
