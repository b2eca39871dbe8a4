// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/certificate.h"

#include "apps/hub/openssl.h"

#include <string.h>

enum {
    AUTH_LEVEL = 1, // 80 bits: no SHA-1 signatures, no short RSA keys in a chain
    DEPTH_MAX = 8,  // authorities between leaf and trust
};

static bool read_digest(struct x509_st *certificate, const EVP_MD *digest,
                        struct hub_thumbprint *out)
{
    unsigned size = 0;
    if (X509_digest(certificate, digest, out->bytes, &size) != 1) {
        return false;
    }
    out->size = size;
    return true;
}

static bool read_time(const ASN1_TIME *time, uint64_t *out)
{
    int days = 0;
    int seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool is_good = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    int64_t value = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(epoch);
    *out = value > 0 ? (uint64_t)value : 0;
    return is_good;
}

static void read_common_name(struct x509_st *certificate, char out[HUB_ID_SIZE_MAX + 1])
{
    out[0] = '\0';
    X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return; // two names could be read as either
    }
    unsigned char *text = NULL;
    int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size > 0 && size <= HUB_ID_SIZE_MAX && memchr(text, '\0', (size_t)size) == NULL) {
        memcpy(out, text, (size_t)size);
        out[size] = '\0';
    }
    OPENSSL_free(text);
}

enum err hub_certificate_read(struct x509_st *leaf, struct stack_st_X509 *chain,
                              struct hub_certificate *out)
{
    struct hub_certificate read = {.leaf = leaf, .chain = chain};
    if (!read_digest(leaf, EVP_sha1(), &read.sha1) ||
        !read_digest(leaf, EVP_sha256(), &read.sha256) ||
        !read_time(X509_get0_notBefore(leaf), &read.not_before_utc_s) ||
        !read_time(X509_get0_notAfter(leaf), &read.not_after_utc_s)) {
        ERR_clear_error(); // the broker looks at this thread's errors, too
        return ERR_CORRUPT;
    }
    read_common_name(leaf, read.common_name);
    *out = read;
    return OK;
}

bool hub_certificate_is(const struct hub_certificate *certificate,
                        const struct hub_thumbprint thumbs[HUB_KEYS_MAX])
{
    bool is_one = false;
    for (size_t i = 0; i < HUB_KEYS_MAX; i++) {
        const struct hub_thumbprint *mine =
            thumbs[i].size == HUB_SHA1_SIZE ? &certificate->sha1 : &certificate->sha256;
        is_one |= thumbs[i].size == mine->size &&
                  CRYPTO_memcmp(thumbs[i].bytes, mine->bytes, mine->size) == 0;
    }
    return is_one;
}

enum err hub_trust_init(struct hub_trust *trust)
{
    *trust = (struct hub_trust){.store = X509_STORE_new()};
    return trust->store != NULL ? OK : ERR_FULL;
}

void hub_trust_deinit(struct hub_trust *trust)
{
    X509_STORE_free(trust->store);
    trust->store = NULL;
}

static X509 *parse_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)strlen(pem));
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

bool hub_trust_add(struct hub_trust *trust, const char *pem)
{
    X509 *certificate = parse_pem(pem);
    bool is_good = certificate != NULL && X509_STORE_add_cert(trust->store, certificate) == 1;
    X509_free(certificate);
    trust->count += is_good ? 1 : 0;
    return is_good;
}

void hub_trust_add_directory(struct hub_trust *trust, struct hub_directory *directory)
{
    struct hub_authority authority = {.name = ""};
    for (size_t i = 0; i < HUB_AUTHORITIES_MAX; i++) {
        if (hub_directory_next_authority(directory, authority.name, &authority) != OK) {
            return;
        }
        hub_trust_add(trust, authority.pem);
    }
}

static bool verify(X509_STORE_CTX *context, uint64_t utc_s, struct hub_thumbprint *anchor,
                   unsigned *distance)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
    X509_VERIFY_PARAM_set_depth(parameters, DEPTH_MAX);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)utc_s);
    X509_STORE_CTX_set_default(context, "ssl_client"); // purpose and trust
    if (X509_verify_cert(context) != 1) {
        return false;
    }
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
    int count = sk_X509_num(path);
    // A leaf that stands in the store itself would be its own authority.
    *distance = count > 1 ? (unsigned)count - 1 : 0;
    return count > 1 && read_digest(sk_X509_value(path, count - 1), EVP_sha256(), anchor);
}

bool hub_trust_verify(const struct hub_trust *trust, const struct hub_certificate *certificate,
                      uint64_t utc_s, struct hub_thumbprint *anchor, unsigned *distance)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    struct hub_thumbprint found = {.size = 0};
    unsigned steps = 0;
    bool is_good =
        trust->count > 0 && context != NULL &&
        X509_STORE_CTX_init(context, trust->store, certificate->leaf, certificate->chain) == 1 &&
        verify(context, utc_s, &found, &steps);
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    *anchor = is_good ? found : *anchor;
    *distance = is_good ? steps : *distance;
    return is_good;
}

bool hub_trust_has(const struct hub_trust *trust, const struct hub_thumbprint *anchor)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(trust->store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        struct hub_thumbprint digest;
        if (certificate != NULL && read_digest(certificate, EVP_sha256(), &digest) &&
            digest.size == anchor->size && memcmp(digest.bytes, anchor->bytes, digest.size) == 0) {
            return true;
        }
    }
    return false;
}
