// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

// What OpenSSL asks in the course of a connection, in the order in which it does. C takes pointers to functions
// that belong to no type. All run within a call of an engine, on its thread or on that of its offloaded step, and
// never trap.

/// Sets those that every context has.
func installCallbacks(on context: OpaquePointer) {
    SSL_CTX_set_client_hello_cb(context, selectSite, nil)
    _ = hr_ssl_ctx_set_server_name_callback(context, acceptServerName)
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticketKey)
    SSL_CTX_set_session_ticket_cb(context, nil, judgeTicket, nil)
    SSL_CTX_set_info_callback(context, notice)
}

/// The client's hello has arrived: finds the site, before a session is resumed or a version chosen.
///
/// Done this early, a session of a site that asks for client certificates is of no use at another.
private func selectSite(
    _ ssl: OpaquePointer?,
    _ alert: UnsafeMutablePointer<Int32>?,
    _: UnsafeMutableRawPointer?
) -> Int32 {
    guard let ssl, let state = UnsafeMutablePointer<EngineState>(of: ssl) else {
        alert?.pointee = SSL_AD_INTERNAL_ERROR
        return SSL_CLIENT_HELLO_ERROR
    }
    let name = ClientHello.serverName(ssl)
    let (address, port) = (state.pointee.address, state.pointee.port)
    let site = state.pointee.snapshot._withUnsafeGuaranteedRef {
        $0.site(name: name, address: address, port: port)
    }
    guard let site, !site.source.isRejecting else {
        state.pointee.verdict = .noCertificate
        alert?.pointee = site == nil ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_ACCESS_DENIED
        return SSL_CLIENT_HELLO_ERROR
    }
    guard site.adopt(ssl) else {
        alert?.pointee = SSL_AD_INTERNAL_ERROR
        return SSL_CLIENT_HELLO_ERROR
    }
    state.pointee.helloName = name
    state.pointee.policyNumber = site.policyNumber
    return SSL_CLIENT_HELLO_SUCCESS
}

/// Keeps the name with the session; which certificate it gets has been decided.
private func acceptServerName(
    _: OpaquePointer?,
    _: UnsafeMutablePointer<Int32>?,
    _: UnsafeMutableRawPointer?
) -> Int32 { SSL_TLSEXT_ERR_OK }

/// Seals or opens a session's ticket: 1 for done, 2 for a new ticket too, 0 for a full handshake.
private func ticketKey(
    _ ssl: OpaquePointer?,
    _ name: UnsafeMutablePointer<UInt8>?,
    _ vector: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?,
    _ authentication: OpaquePointer?,
    _ seals: Int32
) -> Int32 {
    guard let name, let vector, let cipher, let authentication,
        let state = UnsafeMutablePointer<EngineState>(of: ssl)
    else { return -1 }
    let keys = state.pointee.snapshot._withUnsafeGuaranteedRef { $0.ticketKeys }
    if seals == 1 {
        let key = keys.newest
        guard let source = key.name.baseAddress, RAND_bytes(vector, 16) == 1 else { return -1 }
        memcpy(name, source, TicketKey.nameByteCount)
        let isDone =
            key.setUp(cipher, vector: vector, seals: true) && key.setUp(authentication: authentication)
        return isDone ? 1 : -1
    }
    let wanted = UnsafeRawBufferPointer(start: name, count: TicketKey.nameByteCount)
    guard let (key, isNewest) = keys.key(named: wanted) else { return 0 }
    guard key.setUp(authentication: authentication), key.setUp(cipher, vector: vector, seals: false)
    else { return -1 }
    return isNewest ? 1 : 2
}

/// A ticket has been opened, or could not be: decides whether its session is resumed.
///
/// Under TLS 1.2 the name must be the session's (RFC 6066 §3); OpenSSL does not compare it. Under TLS 1.3 any name of
/// the same binding will do (RFC 8446 §4.6.1). That binding and policy are the session's is seen to by its context.
private func judgeTicket(
    _ ssl: OpaquePointer?,
    _ session: OpaquePointer?,
    _: UnsafePointer<UInt8>?,
    _: Int,
    _ status: Int32,
    _: UnsafeMutableRawPointer?
) -> Int32 {
    guard status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW, let session,
        let state = UnsafeMutablePointer<EngineState>(of: ssl)
    else { return SSL_TICKET_RETURN_IGNORE_RENEW }
    // Clients of TLS 1.3 use a ticket once (RFC 8446 §C.4): without a new one each second or third of their connections
    // would be a full handshake.
    guard SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION else {
        return SSL_TICKET_RETURN_USE_RENEW
    }
    let name = SSL_SESSION_get0_hostname(session).flatMap { start in
        ServerName.canonical(UnsafeRawBufferPointer(start: start, count: strlen(start)))
    }
    guard name == state.pointee.helloName else { return SSL_TICKET_RETURN_IGNORE_RENEW }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW
}

/// A full handshake needs the certificate: pauses it where the signature would take long.
///
/// Resumed handshakes don't come here. The argument is the site.
func certificateNeeded(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let ssl, let argument, let state = UnsafeMutablePointer<EngineState>(of: ssl) else { return 0 }
    guard !state.pointee.maySign else { return 1 }
    let isFast = Unmanaged<Site>.fromOpaque(argument)._withUnsafeGuaranteedRef { site in
        !site.source.offloadsSlowSigning || ClientHello.canUse(site.fastSignatures, ssl)
    }
    state.pointee.maySign = isFast
    return isFast ? 1 : -1
}

/// Chooses the application protocol: the site's best that the client offers.
///
/// The argument is the site.
func selectProtocol(
    _ ssl: OpaquePointer?,
    _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?,
    _ offer: UnsafePointer<UInt8>?,
    _ count: UInt32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let chosen, let chosenCount, let offer, let argument else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    return Unmanaged<Site>.fromOpaque(argument)._withUnsafeGuaranteedRef { site in
        let offer = UnsafeRawBufferPointer(start: offer, count: Int(count))
        let withholdsHTTP2 = UnsafeMutablePointer<EngineState>(of: ssl)?.pointee.withholdsHTTP2 ?? false
        let own = withholdsHTTP2 ? site.protocolListWithoutHTTP2 : site.protocolList
        guard let found = ProtocolList.firstShared(own, offer: offer) else {
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
        // The choice must outlive this call; it is a part of the offer, which does.
        chosen.pointee = offer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            .advanced(by: found.lowerBound)
        chosenCount.pointee = UInt8(truncatingIfNeeded: found.count)
        return SSL_TLSEXT_ERR_OK
    }
}

/// Staples the response for the certificate in use, where there is one.
///
/// The argument is the site.
func stapleResponse(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let ssl, let argument, let certificate = SSL_get_certificate(ssl) else {
        return SSL_TLSEXT_ERR_NOACK
    }
    return Unmanaged<Site>.fromOpaque(argument)._withUnsafeGuaranteedRef { site in
        guard let response = site.staple(for: certificate, at: time(nil)),
            let copy = hr_openssl_copy(response.bytes, response.bytes.count)
        else { return SSL_TLSEXT_ERR_NOACK }
        let bytes = copy.assumingMemoryBound(to: UInt8.self)
        guard hr_ssl_set_status_response(ssl, bytes, response.bytes.count) == 1 else {
            hr_openssl_free(copy)
            return SSL_TLSEXT_ERR_NOACK
        }
        return SSL_TLSEXT_ERR_OK
    }
}

/// Takes any certificate of a client; what is wrong with it stays the result of the verification.
func acceptAny(_ isTrusted: Int32, _ verification: OpaquePointer?) -> Int32 { 1 }

/// Something happened: keeps alerts, and stops clients that renegotiate or change keys without end.
private func notice(_ ssl: OpaquePointer?, _ place: Int32, _ value: Int32) {
    guard let state = UnsafeMutablePointer<EngineState>(of: ssl) else { return }
    if place & SSL_CB_ALERT != 0 {
        let alert = UInt8(truncatingIfNeeded: value)
        if place & SSL_CB_WRITE != 0 {
            state.pointee.alertSent = alert
            if Int32(alert) == SSL_AD_NO_RENEGOTIATION {
                state.pointee.verdict = .renegotiation
            }
        } else {
            state.pointee.alertReceived = alert
        }
    } else if state.pointee.isEstablished, SSL_get_state(ssl) == TLS_ST_SR_KEY_UPDATE {
        state.pointee.noteKeyUpdate()
    }
}

extension EngineState {
    /// Counts a change of keys by the client; too many for what it has sent are a flood.
    ///
    /// One costs 20 µs here and 27 bytes there. Clients need one for each 24 million records.
    mutating func noteKeyUpdate() {
        keyUpdateCount &+= 1
        let allowance = 64 &+ receivedByteCount >> 16
        if UInt64(keyUpdateCount) > allowance {
            verdict = .keyUpdateFlood
        }
    }
}

/// Lists of application protocols as RFC 7301 §3.1 has them: each after a byte with its length.
enum ProtocolList {
    /// Where in `offer` the first protocol of `preferences` is that stands in both; `nil` for none.
    static func firstShared(_ preferences: [UInt8], offer: UnsafeRawBufferPointer) -> Range<Int>? {
        preferences.withUnsafeBytes { preferences in
            var start = 0
            while let wanted = entry(preferences, &start) {
                var place = 0
                while let offered = entry(offer, &place) {
                    if offer[offered].elementsEqual(preferences[wanted]) { return offered }
                }
            }
            return nil
        }
    }

    /// A list that is whole, without one of its entries.
    static func without(_ name: String, _ list: [UInt8]) -> [UInt8] {
        list.withUnsafeBytes { bytes in
            var start = 0
            var rest: [UInt8] = []
            while let found = entry(bytes, &start) {
                guard !bytes[found].elementsEqual(name.utf8) else { continue }
                rest += bytes[(found.lowerBound - 1)..<found.upperBound]
            }
            return rest
        }
    }

    /// The entry that begins at `start`, which moves on; `nil` at the end and where the list is broken.
    private static func entry(_ list: UnsafeRawBufferPointer, _ start: inout Int) -> Range<Int>? {
        guard start < list.count else { return nil }
        let first = start + 1
        let end = first + Int(list[start])
        guard end > first, end <= list.count else { return nil }
        start = end
        return first..<end
    }
}
