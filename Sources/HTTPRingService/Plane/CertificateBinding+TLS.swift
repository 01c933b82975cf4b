// SPDX-License-Identifier: Apache-2.0

import HTTPSecure

extension CertificateBinding {
    /// The binding in the words of the TLS engine.
    var tlsBinding: TLSBinding? {
        let file = values["certfile"] ?? ""
        let identity = TLSIdentity(
            certificateFile: file,
            keyFile: values["keyfile"],
            keyPassword: values["passwordfile"].map { .file($0) },
            ocspResponseFile: isEnabled("disableocspstapling") ? nil : values["ocspfile"]
        )
        let place: TLSBindingKey?
        var certificates = TLSBinding.Certificates.identities([identity])
        switch key {
        case .addressPort: place = TLSBindingKey(addressPort: key.value)
        case .hostnamePort: place = TLSBindingKey(hostNamePort: key.value)
        case .centralStore(let port):
            place = .anyName(port: port)
            certificates = .directory(file)
        }
        guard let place else { return nil }
        var binding = TLSBinding(place, certificates: certificates)
        if isEnabled("disablehttp2") { binding.applicationProtocols = ["http/1.1"] }
        if isEnabled("disabletls12") { binding.minimumVersion = .tls13 }
        if isEnabled("disabletls13") { binding.maximumVersion = .tls12 }
        binding.usesSessionTickets = isEnabled("enablesessionticket")
        binding.isRejecting = isEnabled("reject")
        if isEnabled("clientcertnegotiation") {
            binding.clientCertificates = TLSClientCertificatePolicy(
                .allow,
                authoritiesFile: values["sslctlidentifier"],
                revocationListsFile: isEnabled("verifyclientcertrevocation") ? values["crlfile"] : nil,
                acceptsUnverified: values["sslctlidentifier"] == nil
            )
        }
        return binding
    }
}

extension TLSServerConfiguration {
    /// What serves bindings; where there is none, what refuses every handshake.
    static func serving(_ bindings: [CertificateBinding]) -> TLSServerConfiguration {
        let usable = bindings.compactMap(\.tlsBinding)
        guard usable.isEmpty else { return TLSServerConfiguration(bindings: usable) }
        // A context needs a binding: this one looks for certificates where there are none.
        var none = TLSBinding(.anyName(port: nil), certificates: .directory("/proc/self/fdinfo"))
        none.isRejecting = true
        return TLSServerConfiguration(bindings: [none])
    }

    /// Those of the bindings that can be served, and why the others cannot.
    static func usable(_ bindings: [CertificateBinding]) -> (
        bindings: [CertificateBinding], problems: [String]
    ) {
        var good: [CertificateBinding] = []
        var problems: [String] = []
        for binding in bindings {
            do throws(TLSConfigurationError) {
                _ = try TLSServerContext(.serving(good + [binding]))
                good.append(binding)
            } catch {
                problems.append("The binding of \(binding.key) is not in use: \(error)")
            }
        }
        return (good, problems)
    }
}
