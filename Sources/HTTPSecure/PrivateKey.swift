// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

/// A private key, held by OpenSSL.
final class PrivateKey {
    // SAFETY: a reference that `deinit` gives back; contexts that use the key hold their own.
    let pointer: OpaquePointer

    /// Takes over a reference to a key.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        EVP_PKEY_free(pointer)
    }

    /// Reads the first private key of a text.
    static func parse(
        _ bytes: [UInt8],
        name: String,
        password: String?
    ) throws(TLSConfigurationError) -> PrivateKey {
        let answer = password.map { Array($0.utf8) }
        let (key, wasAsked) = bytes.withUnsafeBytes { text -> (OpaquePointer?, Bool) in
            guard let bio = BIO_new_mem_buf(text.baseAddress, Int32(clamping: text.count)) else {
                return (nil, false)
            }
            defer { BIO_free(bio) }
            guard let answer else {
                var question = PasswordQuestion(answer: nil)
                return (PEM_read_bio_PrivateKey(bio, nil, answerPassword, &question), question.wasAsked)
            }
            return answer.withUnsafeBufferPointer { answer in
                var question = PasswordQuestion(answer: answer)
                return (PEM_read_bio_PrivateKey(bio, nil, answerPassword, &question), question.wasAsked)
            }
        }
        ERR_clear_error()
        if let key { return PrivateKey(key) }
        guard !wasAsked else {
            throw TLSConfigurationError(
                .wrongPassword,
                name,
                problem: password == nil ? "the key is encrypted" : "the password does not open the key",
                advice: "Give the key's password, or store the key without one: 'openssl pkey -in \(name)'"
            )
        }
        throw TLSConfigurationError(
            .malformedFile,
            name,
            problem: "holds no private key",
            advice: "It must be PEM, with '-----BEGIN PRIVATE KEY-----' or one of its older forms"
        )
    }

    /// The kind of key, of which a server has one each.
    var kind: Int32 { EVP_PKEY_get_base_id(pointer) }

    /// The kind of key in words.
    var kindName: String {
        switch kind {
        case EVP_PKEY_RSA: "RSA"
        case EVP_PKEY_EC: "ECDSA"
        case EVP_PKEY_ED25519: "Ed25519"
        default: "private"
        }
    }

    /// Which signatures it makes in a fraction of the time of a handshake.
    var fastSignature: FastSignature? {
        switch kind {
        case EVP_PKEY_ED25519:
            return .ed25519
        case EVP_PKEY_EC:
            var name = [CChar](repeating: 0, count: 32)
            var count = 0
            guard EVP_PKEY_get_group_name(pointer, &name, name.count, &count) == 1 else { return nil }
            return name.prefix(count).elementsEqual("prime256v1".utf8.map { CChar($0) }) ? .ecdsaP256 : nil
        default:
            return nil
        }
    }
}

/// Signatures that are made on the loop: 15 to 30 µs, where RSA with 2048 bits takes 500 to 700.
enum FastSignature: Hashable, Sendable {
    case ecdsaP256
    case ed25519
}

/// A password on its way through OpenSSL's callback.
private struct PasswordQuestion {
    let answer: UnsafeBufferPointer<UInt8>?
    var wasAsked = false
}

/// Copies the password to OpenSSL and notes that it was asked for.
private func answerPassword(
    _ buffer: UnsafeMutablePointer<CChar>?,
    _ capacity: Int32,
    _ isForWriting: Int32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let question = argument?.assumingMemoryBound(to: PasswordQuestion.self) else { return -1 }
    question.pointee.wasAsked = true
    guard let answer = question.pointee.answer, let source = answer.baseAddress, let buffer,
        answer.count <= Int(capacity)
    else { return -1 }
    memcpy(buffer, source, answer.count)
    return Int32(answer.count)
}
