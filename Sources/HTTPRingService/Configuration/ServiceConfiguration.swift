// SPDX-License-Identifier: Apache-2.0

public import HTTPEngine

/// What the service is told by its configuration file; every value has a default.
///
/// The file's form and keys are `ConfigurationSetting.all`; `parse(_:file:)` reads it.
public struct ServiceConfiguration: Sendable {
    /// The path of the control socket.
    public var controlSocket = "/run/httpring/control.sock"
    /// The access mode of the control socket's file; connecting needs write permission (unix(7)).
    public var controlSocketMode: UInt32 = 0o666
    /// The path of the state file, which only the service writes.
    public var stateFile = "/var/lib/httpring/state"
    /// The path of the file whose lock keeps a second instance away.
    public var lockFile = "/run/httpring/httpringd.lock"
    /// The name or number of the group whose members may do what root may; `nil` for none.
    public var administratorsGroup: String?
    /// How often the files of certificates are looked at for changes; `nil` never.
    public var certificateReloadInterval: Duration? = .seconds(60)
    /// The program that starts units, run as `PROGRAM --no-block start UNIT`.
    public var starter = "/usr/bin/systemctl"
    /// What one client of the control socket may hold.
    public var controlLimits = ControlLimits()
    /// How long requests in progress may take once the service stops.
    public var shutdownTimeout = Duration.seconds(30)
    /// Where connections begin with a PROXY protocol header, and are refused without one.
    ///
    /// Only what stands between clients and service may reach these: whoever connects there can claim any address.
    public var proxyProtocol: [ListeningAddress] = []
    /// What the engine is told; the state file's time-outs and cache parameters go over it.
    public var engine = EngineOptions()

    /// Makes a configuration of defaults.
    public init() {}
}

/// What one client, and all clients of one user, may hold at the control socket.
///
/// Over a limit the request is refused with `limitReached`; over `connectionsPerUser` the connection is
/// closed. Administrators are held to the same limits but `connectionsMax`, of which eight are theirs.
public struct ControlLimits: Sendable, Equatable {
    /// Connections at once over all users.
    public var connectionsMax = 512
    /// Connections at once of one user.
    public var connectionsPerUser = 32
    /// Bytes of one request.
    public var messageBytesMax = 64 * 1024
    /// Registrations of all connections of one user.
    public var registrationsPerUser = 1000
    /// Request queues of all connections of one user.
    public var queuesPerUser = 64
    /// URL groups of all connections of one user.
    public var groupsPerUser = 1000
    /// Reservations of the whole service.
    public var reservationsMax = 500_000

    /// Makes limits with the defaults.
    public init() {}
}
