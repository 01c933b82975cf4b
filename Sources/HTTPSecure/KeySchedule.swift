// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The hash that keys are derived with.
struct RecordDigest {
    // SAFETY: fetched once, never freed, only read; so are the two below.
    let pointer: OpaquePointer
    let byteCount: Int
    /// What it works on at a time, which HMAC fills its key up to.
    let blockByteCount: Int

    /// The hash of a cipher suite; `nil` for one that is in no suite that this server offers.
    init?(_ suite: OpaquePointer) {
        let digest: OpaquePointer?
        switch EVP_MD_get_type(SSL_CIPHER_get_handshake_digest(suite)) {
        case NID_sha256: (digest, byteCount, blockByteCount) = (Self.sha256, 32, 64)
        case NID_sha384: (digest, byteCount, blockByteCount) = (Self.sha384, 48, 128)
        default: return nil
        }
        guard let digest else { return nil }
        pointer = digest
    }

    private nonisolated(unsafe) static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)
    private nonisolated(unsafe) static let sha384 = EVP_MD_fetch(nil, "SHA384", nil)
}

/// Derives the keys of records from secrets.
enum KeySchedule {
    /// The longest output of a hash that is in use.
    private static let hashByteCountMax = 64

    /// HKDF-Expand-Label with an empty context (RFC 8446 §7.1), for outputs of one hash at most.
    ///
    /// The first block of HKDF-Expand (RFC 5869 §2.3) is one HMAC over the label and a byte 1.
    static func expand(
        _ secret: UnsafeRawBufferPointer,
        label: StaticString,
        into output: UnsafeMutableRawBufferPointer,
        digest: RecordDigest
    ) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 32 + hashByteCountMax, alignment: 8) { scratch in
            var count = 0
            func add(_ byte: UInt8) {
                scratch[count] = byte
                count += 1
            }
            add(0)
            add(UInt8(truncatingIfNeeded: output.count))
            add(UInt8(truncatingIfNeeded: 6 + label.utf8CodeUnitCount))
            for byte in "tls13 ".utf8 { add(byte) }
            for index in 0..<label.utf8CodeUnitCount { add(label.utf8Start[index]) }
            add(0)
            add(1)
            let block = UnsafeMutableRawBufferPointer(rebasing: scratch[32...])
            let message = UnsafeRawBufferPointer(rebasing: scratch[..<count])
            defer { OPENSSL_cleanse(scratch.baseAddress, scratch.count) }
            guard let made = hmac(secret, message, into: block, digest), made >= output.count else {
                return false
            }
            output.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[..<output.count]))
            return true
        }
    }

    /// The key block of TLS 1.2 (RFC 5246 §5 and §6.3): P_hash over the label and both randoms.
    ///
    /// - Parameters:
    ///   - secret: The master secret.
    ///   - randoms: The server's random, then the client's, 64 bytes.
    ///   - output: Filled to its end.
    ///   - digest: The hash of the cipher suite.
    /// - Returns: Whether it could be derived.
    static func keyBlock(
        _ secret: UnsafeRawBufferPointer,
        randoms: [UInt8],
        into output: UnsafeMutableRawBufferPointer,
        digest: RecordDigest
    ) -> Bool {
        let seed = Array("key expansion".utf8) + randoms
        // A(i) and the seed after it: A(i+1) is the HMAC of the former, a block that of both.
        var chain = [UInt8](repeating: 0, count: hashByteCountMax)
        var block = [UInt8](repeating: 0, count: hashByteCountMax)
        defer { block.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        func next(_ message: [UInt8], _ result: inout [UInt8]) -> Int? {
            message.withUnsafeBytes { message in
                result.withUnsafeMutableBytes { hmac(secret, message, into: $0, digest) }
            }
        }
        guard let size = next(seed, &chain) else { return false }
        var filled = 0
        while filled < output.count {
            guard next(Array(chain[..<size]) + seed, &block) == size else { return false }
            let count = min(size, output.count - filled)
            block.withUnsafeBytes { block in
                UnsafeMutableRawBufferPointer(rebasing: output[filled..<filled + count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: block[..<count]))
            }
            filled += count
            guard next(Array(chain[..<size]), &chain) == size else { return false }
        }
        return true
    }

    /// One HMAC (RFC 2104); returns its length.
    ///
    /// By hand over a digest that was fetched once: OpenSSL's function looks three things up by name each time, for
    /// 3 µs, and a handshake needs four of them here.
    private static func hmac(
        _ key: UnsafeRawBufferPointer,
        _ message: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer,
        _ digest: RecordDigest
    ) -> Int? {
        guard output.count >= hashByteCountMax, key.count <= digest.blockByteCount,
            let context = EVP_MD_CTX_new()
        else { return nil }
        defer { EVP_MD_CTX_free(context) }
        return withUnsafeTemporaryAllocation(byteCount: digest.blockByteCount, alignment: 8) { pad in
            defer { OPENSSL_cleanse(pad.baseAddress, pad.count) }
            let result = output.assumingMemoryBound(to: UInt8.self).baseAddress
            var count: UInt32 = 0
            func hash(_ mask: UInt8, _ part: UnsafeRawBufferPointer) -> Bool {
                for index in pad.indices {
                    pad[index] = (index < key.count ? key[index] : 0) ^ mask
                }
                return EVP_DigestInit_ex2(context, digest.pointer, nil) == 1
                    && EVP_DigestUpdate(context, pad.baseAddress, pad.count) == 1
                    && EVP_DigestUpdate(context, part.baseAddress, part.count) == 1
                    && EVP_DigestFinal_ex(context, result, &count) == 1
            }
            guard hash(0x36, message),
                hash(0x5C, UnsafeRawBufferPointer(rebasing: output[..<Int(count)]))
            else { return nil }
            return Int(count)
        }
    }
}
