// SPDX-License-Identifier: Apache-2.0

import URLPrefixes

/// Says why the state could not be kept.
public struct StateStoreError: Error, Sendable, CustomStringConvertible {
    /// What failed, and what to do.
    public let description: String
    /// Whether the file has the new state all the same, though perhaps not after a loss of power.
    public let isApplied: Bool
}

/// The file that keeps the service's state.
///
/// Control thread only. The service alone writes it, whole, each time something changes: into a temporary file
/// beside it, to the medium, then renamed. Killed at any instant, the next start finds the old or the new state.
public final class StateStore {
    /// The file's path.
    public let path: String
    private let files: any StateFiles
    private var isLoaded = false
    private var table: PrefixTable?

    /// Makes a store; nothing is read yet.
    public init(path: String, files: any StateFiles = LinuxStateFiles()) {
        self.path = path
        self.files = files
    }

    /// Reads the state; a file that is not there is an empty state.
    ///
    /// - Throws: `FileProblem` for a damaged file, which is then never written over; `StateFileError`.
    public func load() throws -> ServiceState {
        guard let bytes = try files.read(path) else {
            isLoaded = true
            return ServiceState()
        }
        let (state, table) = try ServiceState.read(bytes, file: path)
        self.table = table
        isLoaded = true
        return state
    }

    /// Hands over the table that loading made of the reservations, once: making it takes as long as reading them.
    func takeTable() -> PrefixTable? { table.take() }

    /// Writes the state; returns when it is on the medium.
    ///
    /// Blocking: some milliseconds, or what the medium takes. `load()` must have succeeded before.
    ///
    /// - Throws: the step that failed. Unless `isApplied`, the file is as it was.
    public func save(_ state: ServiceState) throws(StateStoreError) {
        precondition(isLoaded, "A state is only written over one that was read.")
        let temporary = path + ".new"
        do throws(StateFileError) {
            try write(state.rendered(), to: temporary)
            try files.rename(temporary, to: path)
        } catch {
            throw StateStoreError(
                description: "The state was not changed, because it could not be saved: \(error). "
                    + "See to room and rights in \(directory), then try again.",
                isApplied: false
            )
        }
        do throws(StateFileError) {
            try files.synchronizeDirectory(directory)
        } catch {
            throw StateStoreError(
                description: "The change is in effect, but may be lost if the power fails now: \(error).",
                isApplied: true
            )
        }
    }

    private func write(_ bytes: [UInt8], to temporary: String) throws(StateFileError) {
        let file = try files.create(temporary)
        defer { files.close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try files.write(rest, to: file, temporary)
            rest = rest.dropFirst(count)
        }
        try files.synchronize(file, temporary)
    }

    private var directory: String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
