// SPDX-License-Identifier: Apache-2.0

// Certificate bindings.
extension ControlPlane {
    private static func key(_ text: String) throws(ControlFailure) -> CertificateKey {
        guard let key = CertificateKey(text) else {
            throw ControlFailure(
                .badValue,
                "'\(text)' names no connections. Give ipport=0.0.0.0:443, ipport=[::]:443, "
                    + "hostnameport=www.example.com:443 or ccs=443."
            )
        }
        return key
    }

    /// Holds values against the switches; an empty one takes a value back to its default.
    private static func apply(
        _ values: [NamedValue],
        to binding: inout CertificateBinding
    ) throws(ControlFailure) {
        for value in values {
            guard let option = CertificateSwitch.named(value.name) else {
                let names = CertificateSwitch.all.map(\.name).joined(separator: ", ")
                throw ControlFailure(
                    .badValue,
                    "A certificate binding has no '\(value.name)' here. It has \(names)."
                )
            }
            if value.value.isEmpty {
                binding.values[option.name] = nil
                continue
            }
            guard option.accepts(value.value) else {
                throw ControlFailure(
                    .badValue,
                    "'\(value.value)' is no value for \(option.name). Give \(option.expected)."
                )
            }
            binding.values[option.name] = value.value
        }
        guard binding.values["certfile"] != nil else {
            throw ControlFailure(
                .badValue,
                "A certificate binding needs certfile=, the PEM file of the certificate chain (for ccs, the "
                    + "directory of certificates)."
            )
        }
    }

    func addCertificate(
        _ text: String,
        _ values: [NamedValue],
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change certificate bindings")
        let key = try Self.key(text)
        guard !state.certificates.contains(where: { $0.key == key }) else {
            throw ControlFailure(
                .conflict,
                "There is a binding for \(key). Change it with: httpring update sslcert \(key) …"
            )
        }
        guard state.certificates.count < 10_000 else {
            throw ControlFailure(.limitReached, "There are 10000 certificate bindings, the limit.")
        }
        var binding = CertificateBinding(key: key, values: [:])
        try Self.apply(values, to: &binding)
        var next = state
        next.certificates.append(binding)
        return try keepCertificates(next, "add sslcert", key, client)
    }

    func updateCertificate(
        _ text: String,
        _ values: [NamedValue],
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change certificate bindings")
        let key = try Self.key(text)
        var next = state
        guard let index = next.certificates.firstIndex(where: { $0.key == key }) else {
            throw Self.noBinding(key)
        }
        try Self.apply(values, to: &next.certificates[index])
        return try keepCertificates(next, "update sslcert", key, client)
    }

    func deleteCertificate(_ text: String, _ client: LiveClient) throws(ControlFailure) -> String? {
        try requireAdministrator(client, "change certificate bindings")
        let key = try Self.key(text)
        var next = state
        guard let index = next.certificates.firstIndex(where: { $0.key == key }) else {
            throw Self.noBinding(key)
        }
        next.certificates.remove(at: index)
        return try keepCertificates(next, "delete sslcert", key, client)
    }

    private static func noBinding(_ key: CertificateKey) -> ControlFailure {
        ControlFailure(
            .notFound,
            "There is no binding for \(key). 'httpring show sslcert' lists those there are."
        )
    }

    /// Has the engine try the certificates before they are kept, so that none that cannot be used is.
    private func keepCertificates(
        _ next: ServiceState,
        _ action: String,
        _ key: CertificateKey,
        _ client: LiveClient
    ) throws(ControlFailure) -> String? {
        let effect = try engine.setCertificates(next.certificates)
        let note: String?
        do throws(ControlFailure) {
            note = try keep(next)
        } catch {
            _ = try? engine.setCertificates(state.certificates)
            throw error
        }
        audit(client, action, key.description)
        return Self.note(effect, and: note)
    }
}
