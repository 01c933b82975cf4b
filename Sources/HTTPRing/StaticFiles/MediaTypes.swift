// SPDX-License-Identifier: Apache-2.0

/// Media types by file name extension: those the web is made of.
///
/// Source: the IANA media types registry; the choice follows nginx's `mime.types`.
enum MediaTypes {
    /// What is said of a file nobody knows.
    static let unknown = "application/octet-stream"

    /// The type of a file by the end of its name, in any letter case.
    static func type(of path: String, adding own: [String: String]) -> String {
        guard let dot = path.utf8.lastIndex(of: UInt8(ascii: ".")) else { return unknown }
        let suffix = path[path.utf8.index(after: dot)...]
        guard suffix.utf8.count <= 16, !suffix.utf8.contains(UInt8(ascii: "/")) else { return unknown }
        let name = suffix.lowercased()
        return own[name] ?? table[name] ?? unknown
    }

    private static let table: [String: String] = [
        "aac": "audio/aac", "apk": "application/vnd.android.package-archive", "atom": "application/atom+xml",
        "avif": "image/avif", "bin": "application/octet-stream", "bmp": "image/bmp",
        "br": "application/x-brotli",
        "css": "text/css", "csv": "text/csv", "deb": "application/vnd.debian.binary-package",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "eot": "application/vnd.ms-fontobject", "epub": "application/epub+zip", "flac": "audio/flac",
        "gif": "image/gif", "gz": "application/gzip", "htm": "text/html", "html": "text/html",
        "ico": "image/x-icon", "ics": "text/calendar", "jar": "application/java-archive",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg", "js": "text/javascript", "json": "application/json",
        "jsonld": "application/ld+json", "m3u8": "application/vnd.apple.mpegurl", "m4a": "audio/mp4",
        "map": "application/json", "md": "text/markdown", "mjs": "text/javascript", "mov": "video/quicktime",
        "mp3": "audio/mpeg", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg",
        "oga": "audio/ogg", "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/ogg", "otf": "font/otf",
        "pdf": "application/pdf", "png": "image/png",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "rss": "application/rss+xml", "rtf": "application/rtf", "svg": "image/svg+xml",
        "tar": "application/x-tar", "tif": "image/tiff", "tiff": "image/tiff", "ts": "video/mp2t",
        "ttf": "font/ttf", "txt": "text/plain", "wasm": "application/wasm", "wav": "audio/wav",
        "weba": "audio/webm", "webm": "video/webm", "webmanifest": "application/manifest+json",
        "webp": "image/webp", "woff": "font/woff", "woff2": "font/woff2", "xhtml": "application/xhtml+xml",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "text/xml",
        "xz": "application/x-xz", "zip": "application/zip", "zst": "application/zstd",
    ]
}
