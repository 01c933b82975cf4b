// SPDX-License-Identifier: Apache-2.0

import Glibc
public import HTTPFeatures
import HTTPWire

/// What may be said about files that are served.
public struct StaticFilesOptions: Sendable {
    /// The file that stands for a directory; `nil` leaves directories unanswered.
    public var indexFile: String? = "index.html"
    /// Whether files and directories whose names begin with a dot are served.
    public var servesDotFiles = false
    /// The value of `Cache-Control` on whole and partial responses; `nil` for none.
    public var cacheControl: String?
    /// Media types by lower-case extension without its dot, over the built-in table.
    public var mediaTypes: [String: String] = [:]
    /// Codings in which files may lie beside themselves, the best one first; none by default.
    ///
    /// `app.js.br` is sent for `app.js` to clients that take brotli, with `Vary: Accept-Encoding` and a tag of its
    /// own; requests for a range get the file itself. Whoever changes a file must change its coded forms, too.
    public var precompressedCodings: [PrecompressedCoding] = []
    /// How many files are held open at most; 0 opens them for each request.
    public var openFileCountMax = 1024
    /// How long an open file stands for its path, so that a change is seen at most so much later.
    public var openFileValid: Duration = .seconds(1)
    /// The size up to which an open file's content is held, in bytes, so that it is sent without a read.
    public var heldContentByteCountMax = 32 << 10
    /// How many bytes of content are held at most, of all files together.
    public var heldContentTotalByteCountMax = 16 << 20
    /// The monotonic clock that `openFileValid` is measured by, in nanoseconds.
    public var monotonicNanoseconds: @Sendable () -> Int64 = {
        StaticFilesOptions.read(CLOCK_MONOTONIC_COARSE)
    }
    /// The wall clock that files' times are compared with, in nanoseconds since 1970.
    public var unixNanoseconds: @Sendable () -> Int64 = { StaticFilesOptions.read(CLOCK_REALTIME) }

    /// Makes options with their defaults.
    public init() {}

    /// A clock of the kernel's in nanoseconds, read without a system call.
    ///
    /// The coarse ones have the resolution of the kernel's tick, a few milliseconds.
    private static func read(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        clock_gettime(clock, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }
}

/// Serves the regular files below a directory.
///
/// ```swift
/// let files = try StaticFiles(root: "/srv/www")
/// try await server.run { context in
///     if try await files.respond(context) { return }
///     context.response.status = .notFound
/// }
/// ```
///
/// **Shape**: `/a/b.css` names `a/b.css` below the root. A path with `%2F`, NUL or a name that begins with a
/// dot names nothing. `/dir` is redirected to `/dir/`, which stands for `dir/index.html`. Symbolic links are
/// followed as long as they stay below the root.
///
/// **Semantics**: GET and HEAD with `Last-Modified`, `ETag`, conditions, `Range` and `If-Range`
/// (RFC 9110 §13, §14). With `precompressedCodings`, what lies beside a file in a coding the client takes is sent
/// in its place, as nginx's `gzip_static` does. Other methods on a file get 405 with `Allow`.
///
/// **Cost**: a file asked for within the last second costs a look-up; up to 32 KiB leave from memory by
/// reference, more from the page cache. Opening a file whose directory entry the kernel does not have at hand
/// blocks the calling thread; reading its content never does.
///
/// Any thread; copies share their open files.
public struct StaticFiles: Sendable {
    let root: FileRoot
    let requestPath: String
    let options: StaticFilesOptions
    let cache: OpenFileCache

    /// Opens the root.
    ///
    /// - Parameters:
    ///   - root: the directory.
    ///   - requestPath: what requests' paths begin with, such as `"/files"`; empty for the root of the prefix.
    ///   - options: what may be said about files.
    /// - Throws: `StaticFilesError` where the directory can't be opened.
    public init(
        root: String,
        requestPath: String = "",
        options: StaticFilesOptions = StaticFilesOptions()
    ) throws {
        try self.init(root: FileRoot(root), requestPath: requestPath, options: options)
    }

    init(root: FileRoot, requestPath: String, options: StaticFilesOptions) {
        let values = options.mediaTypes.values + [options.cacheControl].compactMap { $0 }
        precondition(
            values.allSatisfy { FieldSyntax.isFieldValue($0.utf8.span) },
            "media types and Cache-Control are field values: no control characters"
        )
        self.root = root
        self.requestPath =
            requestPath.utf8.last == UInt8(ascii: "/") ? String(requestPath.dropLast()) : requestPath
        self.options = options
        cache = OpenFileCache(
            entryCountMax: options.openFileCountMax,
            contentByteCountMax: options.heldContentTotalByteCountMax,
            valid: options.openFileValid
        )
    }

    /// Answers a request for a file.
    ///
    /// - Parameter context: the request.
    /// - Returns: `false`, with nothing done, where the path names no file or directory to serve.
    /// - Throws: `StaticFilesError` where the environment refuses; what writing throws.
    public func respond(_ context: HTTPContext) async throws -> Bool {
        guard let request = context.features.request, let response = context.features.response else {
            return false
        }
        switch try find(request.path) {
        case .missing: return false
        case .directory:
            guard request.knownMethod == .get || request.knownMethod == .head else { return false }
            redirectToDirectory(request, response)
        case .file(let file):
            switch request.knownMethod {
            case .get, .head:
                let form = try form(of: file, at: request.path, for: request)
                try await FileResponse(form, context, request, response).send()
            case .options: allow(204, response)
            default: allow(405, response)
            }
        }
        return true
    }

    private func allow(_ statusCode: Int, _ response: any HTTPResponseFeature) {
        response.statusCode = statusCode
        response.responseHeaders.append(id: .allow, literal: "GET, HEAD, OPTIONS")
    }

    /// Sends the client to the directory's own path, by its last segment alone.
    ///
    /// A relative reference keeps whatever stands before it, and a `./` in front keeps it from being read as
    /// a scheme or a host (RFC 3986 §4.2).
    private func redirectToDirectory(_ request: any HTTPRequestFeature, _ response: any HTTPResponseFeature) {
        let path = request.rawTarget.prefix { $0 != "?" }
        let segment = path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...]
        response.statusCode = 301
        do {
            try response.responseHeaders.set(id: .location, value: "./\(segment)/\(request.queryString)")
        } catch {
            response.statusCode = 404
        }
    }
}
