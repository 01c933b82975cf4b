// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL 3.0 for Swift, and what its headers hide behind macros: controls of contexts and connections, stacks,
// retry flags, 64-bit option constants. No logic lives here.

#ifndef HTTPRING_COPENSSL_H
#define HTTPRING_COPENSSL_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>

#if OPENSSL_VERSION_MAJOR < 3
#error "HTTPRing needs OpenSSL 3.0 or newer"
#endif

// Options, which are 64 bits wide and built by a macro with an argument.
static const uint64_t HR_SSL_OP_NO_TICKET = SSL_OP_NO_TICKET;
static const uint64_t HR_SSL_OP_NO_COMPRESSION = SSL_OP_NO_COMPRESSION;
static const uint64_t HR_SSL_OP_NO_RENEGOTIATION = SSL_OP_NO_RENEGOTIATION;
static const uint64_t HR_SSL_OP_CIPHER_SERVER_PREFERENCE = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t HR_SSL_OP_PRIORITIZE_CHACHA = SSL_OP_PRIORITIZE_CHACHA;

// How names in certificates are written, which is an expression of flags.
static const unsigned long HR_XN_FLAG_RFC2253 = XN_FLAG_RFC2253;

// Contexts.
static inline long hr_ssl_ctx_set_min_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}
static inline long hr_ssl_ctx_set_max_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_max_proto_version(context, version);
}
static inline long hr_ssl_ctx_set_mode(SSL_CTX *context, long mode) {
    return SSL_CTX_set_mode(context, mode);
}
static inline long hr_ssl_ctx_set_groups(SSL_CTX *context, const char *list) {
    return SSL_CTX_set1_groups_list(context, list);
}
static inline long hr_ssl_ctx_set_signature_algorithms(SSL_CTX *context, const char *list) {
    return SSL_CTX_set1_sigalgs_list(context, list);
}
static inline long hr_ssl_ctx_set_session_cache_mode(SSL_CTX *context, long mode) {
    return SSL_CTX_set_session_cache_mode(context, mode);
}
static inline long hr_ssl_ctx_set_server_name_callback(SSL_CTX *context, int (*callback)(SSL *, int *, void *)) {
    return SSL_CTX_set_tlsext_servername_callback(context, callback);
}
static inline long hr_ssl_ctx_set_status_callback(SSL_CTX *context, int (*callback)(SSL *, void *)) {
    return SSL_CTX_set_tlsext_status_cb(context, callback);
}
static inline long hr_ssl_ctx_set_status_argument(SSL_CTX *context, void *argument) {
    return SSL_CTX_set_tlsext_status_arg(context, argument);
}

// Connections.
static inline long hr_ssl_set_min_version(SSL *ssl, int version) {
    return SSL_set_min_proto_version(ssl, version);
}
static inline long hr_ssl_set_max_version(SSL *ssl, int version) {
    return SSL_set_max_proto_version(ssl, version);
}
// Takes over `response`, which OpenSSL's allocator must have made.
static inline long hr_ssl_set_status_response(SSL *ssl, unsigned char *response, long count) {
    return SSL_set_tlsext_status_ocsp_resp(ssl, response, count);
}
static inline int hr_ssl_is_handshaking(const SSL *ssl) {
    return SSL_in_init(ssl);
}
// For clients, which are in tests.
static inline long hr_ssl_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name);
}
static inline long hr_ssl_set_status_request(SSL *ssl) {
    return SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
}
static inline long hr_ssl_get_status_response(SSL *ssl, unsigned char **response) {
    return SSL_get_tlsext_status_ocsp_resp(ssl, response);
}
static inline long hr_ssl_set_signature_algorithms(SSL *ssl, const char *list) {
    return SSL_set1_sigalgs_list(ssl, list);
}
static inline long hr_ssl_set_groups(SSL *ssl, const char *list) {
    return SSL_set1_groups_list(ssl, list);
}

// BIOs.
static inline void hr_bio_clear_retry(BIO *bio) {
    BIO_clear_retry_flags(bio);
}
static inline void hr_bio_set_retry_read(BIO *bio) {
    BIO_set_retry_read(bio);
}
static inline long hr_bio_get_bytes(BIO *bio, char **bytes) {
    return BIO_get_mem_data(bio, bytes);
}

// Memory.
static inline void *hr_openssl_copy(const void *bytes, size_t count) {
    return OPENSSL_memdup(bytes, count);
}
static inline void hr_openssl_free(void *bytes) {
    OPENSSL_free(bytes);
}

// Sets up HMAC-SHA-256 with a key. Parameters point to their names, which Swift's strings are not made for.
static inline int hr_hmac_sha256_set_key(EVP_MAC_CTX *context, void *key, size_t count) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, count),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(context, parameters);
}

// Stacks.
static inline STACK_OF(X509) * hr_certificates_new(void) {
    return sk_X509_new_null();
}
static inline int hr_certificates_push(STACK_OF(X509) * stack, X509 *certificate) {
    return sk_X509_push(stack, certificate);
}
static inline int hr_certificates_count(const STACK_OF(X509) * stack) {
    return sk_X509_num(stack);
}
static inline X509 *hr_certificates_get(const STACK_OF(X509) * stack, int index) {
    return sk_X509_value(stack, index);
}
static inline void hr_certificates_free(STACK_OF(X509) * stack) {
    sk_X509_pop_free(stack, X509_free);
}
static inline STACK_OF(X509_NAME) * hr_names_new(void) {
    return sk_X509_NAME_new_null();
}
static inline int hr_names_push(STACK_OF(X509_NAME) * stack, X509_NAME *name) {
    return sk_X509_NAME_push(stack, name);
}
static inline int hr_ciphers_count(const STACK_OF(SSL_CIPHER) * stack) {
    return sk_SSL_CIPHER_num(stack);
}
static inline const SSL_CIPHER *hr_ciphers_get(const STACK_OF(SSL_CIPHER) * stack, int index) {
    return sk_SSL_CIPHER_value(stack, index);
}

#endif
