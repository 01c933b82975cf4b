// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

/// A response to staple, checked as far as the server can: clients check its signature.
struct OCSPResponse: Sendable {
    /// The response, DER.
    let bytes: [UInt8]
    /// The second from which on it is of no use, since 1970.
    let expiry: Int

    /// Reads a response for a certificate; the error says in words why it is not stapled.
    static func parse(_ bytes: [UInt8], for certificate: OpaquePointer) -> Result<OCSPResponse, Unusable> {
        defer { ERR_clear_error() }
        let response = bytes.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return d2i_OCSP_RESPONSE(nil, &start, buffer.count)
        }
        guard let response else { return .failure(Unusable(reason: "it is no OCSP response in DER")) }
        defer { OCSP_RESPONSE_free(response) }
        guard OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL,
            let basic = OCSP_response_get1_basic(response)
        else { return .failure(Unusable(reason: "the responder reports an error")) }
        defer { OCSP_BASICRESP_free(basic) }
        guard let single = singleResponse(basic, for: certificate) else {
            return .failure(Unusable(reason: "it is for another certificate"))
        }
        var nextUpdate: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        _ = OCSP_single_get0_status(single, nil, nil, nil, &nextUpdate)
        guard let nextUpdate else { return .success(OCSPResponse(bytes: bytes, expiry: .max)) }
        var moment = tm()
        guard ASN1_TIME_to_tm(nextUpdate, &moment) == 1 else {
            return .failure(Unusable(reason: "its time cannot be read"))
        }
        let expiry = timegm(&moment)
        guard expiry > time(nil) else { return .failure(Unusable(reason: "it has expired")) }
        return .success(OCSPResponse(bytes: bytes, expiry: expiry))
    }

    /// Why a response is not stapled.
    struct Unusable: Error {
        let reason: String
    }

    private static func singleResponse(
        _ basic: OpaquePointer,
        for certificate: OpaquePointer
    ) -> OpaquePointer? {
        for index in 0..<OCSP_resp_count(basic) {
            guard let single = OCSP_resp_get0(basic, index) else { continue }
            var serial: UnsafeMutablePointer<ASN1_INTEGER>?
            // The identifier is only read, though the older function's parameter is not const.
            guard let identifier = OCSP_SINGLERESP_get0_id(single),
                OCSP_id_get0_info(nil, nil, nil, &serial, identifier) == 1
            else { continue }
            if ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0 { return single }
        }
        return nil
    }
}
