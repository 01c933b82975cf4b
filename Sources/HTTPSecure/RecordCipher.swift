// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The protection of records in one direction: key, initialization vector and sequence number.
///
/// Owned by a `RecordLayer`, which calls `destroy`.
struct RecordCipher {
    // SAFETY: a context of OpenSSL's of our own, used on one thread at a time.
    private let context: OpaquePointer
    private let encrypts: Bool
    /// The first 4 bytes of the vector, as they stand in memory.
    private var vectorHead: UInt32 = 0
    /// The last 8 as a number, which the sequence number is mixed into (RFC 8446 §5.3).
    private var vectorTail: UInt64 = 0
    /// How many records the key has protected.
    private(set) var sequence: UInt64

    /// Makes the protection without a key; `nil` when memory is exhausted.
    init?(_ algorithm: RecordAlgorithm, encrypts: Bool, sequence: UInt64) {
        guard let context = EVP_CIPHER_CTX_new() else { return nil }
        let isSetUp =
            encrypts
            ? EVP_EncryptInit_ex2(context, algorithm.cipher, nil, nil, nil)
            : EVP_DecryptInit_ex2(context, algorithm.cipher, nil, nil, nil)
        guard isSetUp == 1 else {
            EVP_CIPHER_CTX_free(context)
            return nil
        }
        self.context = context
        self.encrypts = encrypts
        self.sequence = sequence
    }

    /// Frees the context and wipes the key in it.
    func destroy() {
        EVP_CIPHER_CTX_free(context)
    }

    /// Sets the key and the vector, of which up to 12 bytes are given and the rest is 0.
    mutating func setKey(_ key: UnsafeRawBufferPointer, vector: UnsafeRawBufferPointer) -> Bool {
        var whole: (UInt32, UInt32, UInt32) = (0, 0, 0)
        withUnsafeMutableBytes(of: &whole) { $0.copyMemory(from: vector) }
        vectorHead = whole.0
        vectorTail = UInt64(UInt32(bigEndian: whole.1)) << 32 | UInt64(UInt32(bigEndian: whole.2))
        let bytes = key.assumingMemoryBound(to: UInt8.self).baseAddress
        return encrypts
            ? EVP_EncryptInit_ex2(context, nil, bytes, nil, nil) == 1
            : EVP_DecryptInit_ex2(context, nil, bytes, nil, nil) == 1
    }

    /// Starts with the records of a new key.
    mutating func restartSequence() {
        sequence = 0
    }

    /// The nonce of a record, 12 bytes as they stand in memory.
    typealias Nonce = (UInt32, UInt64Unaligned)

    /// What is authenticated of a record beside its content.
    typealias Authenticated = UnsafeBufferPointer<UInt8>

    /// Eight bytes, most significant first, that may stand anywhere.
    struct UInt64Unaligned {
        private var high: UInt32
        private var low: UInt32

        init(_ value: UInt64) {
            high = UInt32(truncatingIfNeeded: value >> 32).bigEndian
            low = UInt32(truncatingIfNeeded: value).bigEndian
        }
    }

    /// The nonce of the next record: the vector with the sequence number mixed in.
    @inline(__always)
    func implicitNonce() -> Nonce { (vectorHead, UInt64Unaligned(vectorTail ^ sequence)) }

    /// The nonce with a part that stands in the record (RFC 5288 §3).
    @inline(__always)
    func explicitNonce(_ explicit: UInt64) -> Nonce { (vectorHead, UInt64Unaligned(explicit)) }

    /// Opens a record: `count` bytes of ciphertext with the tag after them.
    ///
    /// What does not fit into `output` goes to `rest`. Nothing in either is of any worth unless it returns true.
    mutating func open(
        _ ciphertext: UnsafePointer<UInt8>,
        count: Int,
        nonce: Nonce,
        authenticated: Authenticated,
        into output: UnsafeMutablePointer<UInt8>,
        capacity: Int,
        rest: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        sequence &+= 1
        var length: Int32 = 0
        let first = min(count, capacity)
        guard begin(nonce, authenticated) else { return false }
        if first > 0, EVP_DecryptUpdate(context, output, &length, ciphertext, Int32(first)) != 1 {
            return false
        }
        if count > first,
            EVP_DecryptUpdate(context, rest, &length, ciphertext + first, Int32(count - first)) != 1
        {
            return false
        }
        // The tag is only read, though the function's parameter is not const.
        let tag = UnsafeMutableRawPointer(mutating: ciphertext + count)
        let tagByteCount = Int32(RecordAlgorithm.tagByteCount)
        return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tagByteCount, tag) == 1
            && EVP_DecryptFinal_ex(context, rest, &length) == 1
    }

    /// Seals a record: `count` bytes and what `trailer` has, then the tag, all into `output`.
    mutating func seal(
        _ plaintext: UnsafePointer<UInt8>,
        count: Int,
        trailer: UInt8?,
        nonce: Nonce,
        authenticated: Authenticated,
        into output: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        sequence &+= 1
        var length: Int32 = 0
        guard begin(nonce, authenticated) else { return false }
        if count > 0, EVP_EncryptUpdate(context, output, &length, plaintext, Int32(count)) != 1 {
            return false
        }
        var end = output + count
        if var trailer {
            guard EVP_EncryptUpdate(context, end, &length, &trailer, 1) == 1 else { return false }
            end += 1
        }
        return EVP_EncryptFinal_ex(context, end, &length) == 1
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(RecordAlgorithm.tagByteCount), end)
                == 1
    }

    /// Gives the cipher a record's nonce and what is authenticated with it.
    @inline(__always)
    private func begin(_ nonce: Nonce, _ authenticated: Authenticated) -> Bool {
        withUnsafeBytes(of: nonce) { nonce in
            let start = nonce.assumingMemoryBound(to: UInt8.self).baseAddress
            let byteCount = Int32(truncatingIfNeeded: authenticated.count)
            var length: Int32 = 0
            return encrypts
                ? EVP_EncryptInit_ex2(context, nil, nil, start, nil) == 1
                    && EVP_EncryptUpdate(context, nil, &length, authenticated.baseAddress, byteCount) == 1
                : EVP_DecryptInit_ex2(context, nil, nil, start, nil) == 1
                    && EVP_DecryptUpdate(context, nil, &length, authenticated.baseAddress, byteCount) == 1
        }
    }
}
