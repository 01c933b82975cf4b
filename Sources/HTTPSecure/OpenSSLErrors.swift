// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// OpenSSL's error queue, which each thread has one of.
enum OpenSSLErrors {
    /// Drops what an earlier call left: `SSL_get_error` reads the queue and would take it for its own.
    @inline(__always)
    static func clear() {
        if ERR_peek_error() != 0 {
            ERR_clear_error()
        }
    }

    /// Empties the queue and returns its first error of the TLS library, or else its first; 0 for none.
    ///
    /// The first is the cause; later ones are the callers' that pass it on.
    static func take() -> UInt {
        let first = ERR_get_error()
        var code = first
        while code != 0 {
            if ERR_GET_LIB(code) == ERR_LIB_SSL {
                ERR_clear_error()
                return code
            }
            code = ERR_get_error()
        }
        return first
    }

    /// Empties the queue and returns the reason in words.
    static func takeReason() -> String {
        let code = take()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "OpenSSL gives no reason" }
        return String(cString: text)
    }
}
