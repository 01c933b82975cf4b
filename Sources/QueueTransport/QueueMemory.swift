// SPDX-License-Identifier: Apache-2.0

internal import CQueueTransport
internal import Glibc

/// The mapped memory of one queue between a loop of the service and a worker process.
///
/// One end owns it and unmaps it when it goes. The service creates the file and fixes its size with seals, so that
/// no process can make the other's access fail by cutting it. Each ring is mapped twice in a row, so that
/// a record is in one piece wherever it begins. What the other side writes is mapped for reading only.
@safe final class QueueMemory {
    /// Which side of the queue this is.
    enum Side { case service, worker }

    let geometry: QueueGeometry
    let control: UnsafeMutablePointer<qt_control>
    let requestRing: UnsafeMutableRawPointer
    let responseRing: UnsafeMutableRawPointer
    let requestArea: UnsafeMutableRawPointer
    let responseArea: UnsafeMutableRawPointer
    private let reservation: UnsafeMutableRawPointer
    private let reservationBytes: Int

    /// Makes the file of a new queue, with its size fixed; the descriptor is the caller's.
    static func makeFile(_ geometry: QueueGeometry) throws(TransportError) -> Int32 {
        precondition(geometry.isValid, "a queue's geometry is outside its limits")
        let file = try TransportError.check(qt_memfd("httpring-queue"), "memfd_create")
        do throws(TransportError) {
            guard ftruncate(file, geometry.totalBytes) == 0 else {
                throw TransportError(operation: "ftruncate", code: errno)
            }
            var shared = geometry.shared
            guard pwrite(file, &shared, MemoryLayout<qt_geometry>.size, 0) == MemoryLayout<qt_geometry>.size
            else { throw TransportError(operation: "pwrite", code: errno) }
            _ = try TransportError.check(qt_seal_size(file), "fcntl(F_ADD_SEALS)")
        } catch {
            close(file)
            throw error
        }
        return file
    }

    /// Reads and checks what a file that came from another process says of itself.
    ///
    /// - Throws: `TransportViolation` for an unsealed file or an impossible geometry.
    static func readGeometry(_ file: Int32) throws(TransportViolation) -> QueueGeometry {
        guard qt_is_size_sealed(file) == 1 else { throw TransportViolation(.unsealed) }
        var status = stat()
        var shared = qt_geometry()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            pread(file, &shared, MemoryLayout<qt_geometry>.size, 0) == MemoryLayout<qt_geometry>.size
        else { throw TransportViolation(.geometry) }
        return try QueueGeometry(checking: shared, fileSize: Int(status.st_size))
    }

    /// Maps a file whose size and seals have been checked.
    init(file: Int32, geometry: QueueGeometry, side: Side) throws(TransportError) {
        self.geometry = geometry
        let page = Int(QT_CONTROL_BYTES)
        let areas = geometry.totalBytes - geometry.requestAreaOffset
        let total = page + 2 * geometry.requestRingBytes + 2 * geometry.responseRingBytes + areas
        guard let base = mmap(nil, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            base != MAP_FAILED
        else { throw TransportError(operation: "mmap", code: errno) }
        reservation = base
        reservationBytes = total
        control = base.assumingMemoryBound(to: qt_control.self)
        requestRing = base + page
        responseRing = requestRing + 2 * geometry.requestRingBytes
        requestArea = responseRing + 2 * geometry.responseRingBytes
        responseArea = requestArea + geometry.requestBlocks * geometry.blockBytes
        let requests = geometry.requestRingBytes
        let responses = geometry.responseRingBytes
        let isService = side == .service
        // SAFETY: the parts lie in the reservation, one after the other, and end where it ends.
        let parts = [
            (control: true, place: base, bytes: page, offset: 0),
            (isService, requestRing, requests, geometry.requestRingOffset),
            (isService, requestRing + requests, requests, geometry.requestRingOffset),
            (!isService, responseRing, responses, geometry.responseRingOffset),
            (!isService, responseRing + responses, responses, geometry.responseRingOffset),
            (isService, requestArea, responseArea - requestArea, geometry.requestAreaOffset),
            (
                !isService, responseArea, geometry.responseBlocks * geometry.blockBytes,
                geometry.responseAreaOffset
            ),
        ]
        for (writes, place, bytes, offset) in parts where bytes > 0 {
            let rights = writes ? PROT_READ | PROT_WRITE : PROT_READ
            guard mmap(place, bytes, rights, MAP_SHARED | MAP_FIXED, file, off_t(offset)) != MAP_FAILED else {
                let code = errno
                munmap(base, total)
                throw TransportError(operation: "mmap", code: code)
            }
        }
    }

    /// The words one side writes.
    struct SharedWords {
        let tail: UnsafeMutablePointer<UInt64>
        let head: UnsafeMutablePointer<UInt64>
        let sleeping: UnsafeMutablePointer<UInt64>
        let wantsRoom: UnsafeMutablePointer<UInt64>
    }

    /// Where each side's words are.
    func sides(isService: Bool) -> (own: SharedWords, other: SharedWords) {
        let service = qt_service_words(control)
        let worker = qt_worker_words(control)
        let sides = [service, worker].map { side in
            SharedWords(
                tail: qt_tail(side),
                head: qt_head(side),
                sleeping: qt_sleeping(side),
                wantsRoom: qt_wants_room(side)
            )
        }
        return isService ? (sides[0], sides[1]) : (sides[1], sides[0])
    }

    deinit { munmap(reservation, reservationBytes) }
}
