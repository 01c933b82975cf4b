// SPDX-License-Identifier: Apache-2.0

import Testing

/// A certificate for `localhost` that signs itself, with its key, in two files.
struct LocalCertificate {
    let keyFile: String
    let file: String

    /// Makes both anew in a directory, by openssl.
    init(in directory: String) throws {
        keyFile = directory + "/key.pem"
        file = directory + "/chain.pem"
        let made = try ServiceProcess.run(
            "/usr/bin/openssl",
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
                + ["-keyout", keyFile, "-out", file, "-days", "2", "-subj", "/CN=localhost"]
                + ["-addext", "subjectAltName=DNS:localhost"]
        )
        try #require(made.status == 0, "\(made.errors)")
    }
}

extension ServiceProcess {
    /// Binds a certificate to `localhost` on a port.
    func add(_ certificate: LocalCertificate, port: UInt16) throws {
        let bound = try httpring(
            "add",
            "sslcert",
            "hostnameport=localhost:\(port)",
            "certfile=\(certificate.file)",
            "keyfile=\(certificate.keyFile)"
        )
        try #require(bound.status == 0, "\(bound.errors)")
    }
}
