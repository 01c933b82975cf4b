// SPDX-License-Identifier: Apache-2.0

/// Finds the certificates in a directory by the names of its files.
///
/// `NAME.pem` and `NAME.key`, or both in the former; or `NAME.p12` (`NAME.pfx`); with the password in
/// `NAME.password` where they are encrypted. `NAME.KIND.pem` for several kinds of key, where KIND is
/// `ecdsa`, `rsa` or `ed25519`. `_.example.com.pem` is for `*.example.com`. Other files are not looked at.
enum CertificateDirectory {
    /// The identities for each name, sorted by name.
    static func identities(
        in path: String
    ) throws(TLSConfigurationError) -> [(name: String, identities: [TLSIdentity])] {
        let files = try FileReader.names(in: path)
        let known = Set(files)
        var found: [String: [TLSIdentity]] = [:]
        for file in files where [".pem", ".p12", ".pfx"].contains(where: { file.hasSuffix($0) }) {
            let stem = String(file.dropLast(4))
            guard let name = name(of: stem) else {
                throw TLSConfigurationError(
                    .invalidSetting,
                    path + "/" + file,
                    problem: "its name is no host name",
                    advice: "Call it NAME.pem (or .p12), or _.NAME.pem for every name below"
                )
            }
            let hasKeyFile = known.contains(stem + ".key")
            let hasResponse = known.contains(stem + ".ocsp")
            let identity = TLSIdentity(
                certificateFile: path + "/" + file,
                keyFile: hasKeyFile && file.hasSuffix(".pem") ? path + "/" + stem + ".key" : nil,
                keyPassword: known.contains(stem + ".password")
                    ? .file(path + "/" + stem + ".password") : nil,
                ocspResponseFile: hasResponse ? path + "/" + stem + ".ocsp" : nil
            )
            found[name, default: []].append(identity)
        }
        return found.sorted { $0.key < $1.key }.map { (name: $0.key, identities: $0.value) }
    }

    private static func name(of stem: String) -> String? {
        var stem = stem[...]
        for kind in [".ecdsa", ".rsa", ".ed25519"] where stem.hasSuffix(kind) {
            stem = stem.dropLast(kind.utf8.count)
            break
        }
        return ServerName.canonicalPattern(stem.hasPrefix("_.") ? "*." + stem.dropFirst(2) : String(stem))
    }
}
