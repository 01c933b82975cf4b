// SPDX-License-Identifier: Apache-2.0

import Glibc

extension StaticFiles {
    /// What a request's path names.
    enum Found {
        case missing
        /// A directory that was asked for without its last slash.
        case directory
        case file(OpenFile)
    }

    /// The longest relative path that is tried.
    private static let pathByteCountMax = 4000

    /// Finds what a path names, in the cache or on disk.
    func find(_ path: String) throws -> Found {
        let now = options.monotonicNanoseconds()
        if let file = cache.find(path, now: now) { return .file(file) }
        guard var name = relativeName(path) else { return .missing }
        let namesDirectory = name.isEmpty ? path != requestPath : name.utf8.last == UInt8(ascii: "/")
        if name.isEmpty, !namesDirectory { return options.indexFile == nil ? .missing : .directory }
        if namesDirectory {
            guard let indexFile = options.indexFile else { return .missing }
            name += indexFile
        }
        guard let descriptor = try root.open(name) else { return .missing }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            close(descriptor)
            return .missing
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            return isDirectory && !namesDirectory && options.indexFile != nil ? .directory : .missing
        }
        let file = OpenFile(
            descriptor: descriptor,
            status: status,
            mediaType: MediaTypes.type(of: name, adding: options.mediaTypes),
            cacheControl: options.cacheControl,
            contentByteCountMax: min(
                options.heldContentByteCountMax,
                options.heldContentTotalByteCountMax / 2
            ),
            readAt: now,
            unixNanoseconds: options.unixNanoseconds()
        )
        cache.keep(file, path)
        return .file(file)
    }

    /// The path below the root, or `nil` for one that names nothing.
    ///
    /// The path has been decoded once and its dot segments are gone, but that is not relied on here.
    private func relativeName(_ path: String) -> String? {
        var rest = path.utf8[...]
        guard rest.starts(with: requestPath.utf8) else { return nil }
        rest = rest.dropFirst(requestPath.utf8.count)
        guard rest.isEmpty || rest.first == UInt8(ascii: "/") else { return nil }
        rest = rest.drop { $0 == UInt8(ascii: "/") }
        guard rest.count <= StaticFiles.pathByteCountMax, !rest.contains(0) else { return nil }
        for segment in rest.split(separator: UInt8(ascii: "/")) where !isAllowed(segment) { return nil }
        return String(Substring(rest))
    }

    /// Whether a segment may be part of a name: no dot segment, no hidden file, no slash in disguise.
    private func isAllowed(_ segment: Substring.UTF8View) -> Bool {
        if segment.first == UInt8(ascii: ".") {
            guard options.servesDotFiles, !segment.elementsEqual(".".utf8), !segment.elementsEqual("..".utf8)
            else {
                return false
            }
        }
        guard segment.contains(UInt8(ascii: "%")) else { return true }
        let lower = Substring(segment).lowercased()
        return !lower.utf8.indices.contains { lower[$0...].hasPrefix("%2f") }
    }
}
