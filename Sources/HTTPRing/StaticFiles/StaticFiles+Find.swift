// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPFeatures
import HTTPWire

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
        switch try open(name, codings: try openForms(of: name, path, now), now) {
        case .file(let file):
            cache.keep(file, path)
            return .file(file)
        case .directory: return namesDirectory || options.indexFile == nil ? .missing : .directory
        case .missing: return .missing
        }
    }

    /// Opens the file of a name, or its form in `coding`; `codings` are those in which it lies beside itself.
    private func open(
        _ name: String,
        coding: PrecompressedCoding? = nil,
        codings: [PrecompressedCoding] = [],
        _ now: Int64
    ) throws -> Found {
        guard let descriptor = try root.open(name + (coding?.suffix ?? "")) else { return .missing }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return status.st_mode & S_IFMT == S_IFDIR ? .directory : .missing
        }
        return .file(
            OpenFile(
                descriptor: descriptor,
                status: status,
                mediaType: MediaTypes.type(of: name, adding: options.mediaTypes),
                coding: coding,
                codings: codings,
                cacheControl: options.cacheControl,
                contentByteCountMax: min(
                    options.heldContentByteCountMax,
                    options.heldContentTotalByteCountMax / 2
                ),
                readAt: now,
                unixNanoseconds: options.unixNanoseconds()
            )
        )
    }

    // MARK: Coded forms

    /// Opens and keeps what lies beside a file.
    ///
    /// - Returns: the codings there are, in the options' order.
    private func openForms(of name: String, _ path: String, _ now: Int64) throws -> [PrecompressedCoding] {
        try options.precompressedCodings.filter { coding in
            guard case .file(let form) = try open(name, coding: coding, now) else { return false }
            cache.keep(form, path + coding.cacheSuffix)
            return true
        }
    }

    /// The form of a file that a request gets: the one in the coding its client likes best, or the file itself.
    ///
    /// Parts are parts of the file itself.
    func form(
        of file: OpenFile,
        at path: String,
        for request: any HTTPRequestFeature
    ) throws -> OpenFile {
        guard !file.codings.isEmpty, let accepted = request.value(of: .acceptEncoding),
            request.value(of: .range) == nil,
            let index = FieldSyntax.preferredCoding(
                of: file.codings.map(\.name),
                in: Array(accepted.utf8).span
            )
        else { return file }
        let coding = file.codings[index]
        let now = options.monotonicNanoseconds()
        if let form = cache.find(path + coding.cacheSuffix, now: now) { return form }
        guard let name = fileName(path), case .file(let form) = try open(name, coding: coding, now) else {
            return file
        }
        cache.keep(form, path + coding.cacheSuffix)
        return form
    }

    /// The file a path stands for, below the root.
    private func fileName(_ path: String) -> String? {
        guard let name = relativeName(path) else { return nil }
        guard name.isEmpty || name.utf8.last == UInt8(ascii: "/") else { return name }
        return options.indexFile.map { name + $0 }
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

extension PrecompressedCoding {
    /// Sets the form's place in the cache of open files apart from all paths, none of which has a NUL.
    fileprivate var cacheSuffix: String { "\0" + suffix }
}
