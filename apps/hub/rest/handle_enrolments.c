// SPDX-License-Identifier: Apache-2.0
// The provisioning service: individual enrolments and groups are one thing with two paths.
#include "apps/hub/rest/answer.h"
#include "apps/hub/rest/enrolment_json.h"
#include "apps/hub/rest/handlers.h"
#include "base/assert.h"

#include <stdio.h>
#include <string.h>

static bool is_group(const struct rest_request *q)
{
    const enum route route = q->routed.route;
    return route == ROUTE_GROUP_PUT || route == ROUTE_GROUP_GET || route == ROUTE_GROUP_DELETE ||
           route == ROUTE_GROUP_SECRET || route == ROUTE_GROUPS_QUERY;
}

static void answer_enrolment(struct rest *rest, const struct rest_request *q)
{
    struct registration state;
    struct verdict why;
    struct json_writer w;
    const struct enrolment *e = &rest->enrolment;
    const bool has_state =
        !e->is_group &&
        registrations_read(rest->cfg.store, bytes_of(e->id, strlen(e->id)), &state, &why);
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    enrolment_to_json(&w, e, has_state ? &state : NULL);
    answer_json(q->conn, 200, json_writer_bytes(&w), NULL);
}

// The PEM of the hub's authorities that the body names.
static bool resolve_references(struct rest *rest, const struct enrolment_given *given,
                               struct verdict *why)
{
    for (size_t i = 0; i < COUNT_OF(given->ca_reference); i++) {
        if (given->ca_reference[i][0] == '\0') {
            continue;
        }
        sqlite3_stmt *s =
            store_get(rest->cfg.store, "SELECT pem FROM ca WHERE name=?1 AND verified=1");
        if (s == NULL) {
            return fail(why, ERR_IO);
        }
        store_bind_text(s, 1, given->ca_reference[i]);
        const enum err err = store_row(rest->cfg.store, s);
        if (err == ERR_EMPTY) {
            return refuse(why, HUB_ARGUMENT_INVALID,
                          "caReferences: no verified authority is called so");
        }
        if (err != OK) {
            return fail(why, err);
        }
        store_text(s, 0, rest->enrolment.authorities[i], sizeof(rest->enrolment.authorities[i]));
        (void)sqlite3_reset(s);
    }
    return true;
}

// What an update leaves out of the attestation stays: the service never shows it to who sends an
// enrolment back as it came.
static bool keep_secrets(struct rest *rest, struct enrolment_given *given, struct verdict *why)
{
    struct enrolment *e = &rest->enrolment;
    struct enrolment *kept = &rest->kept;
    if (!enrolments_read(rest->cfg.store, bytes_of(e->id, strlen(e->id)), e->is_group, kept, why)) {
        return false;
    }
    const bool is_key = e->attestation == ATTESTATION_SYMMETRIC_KEY;
    const bool was_key = kept->attestation == ATTESTATION_SYMMETRIC_KEY;
    if ((!given->has_attestation || is_key == was_key) && !given->has_keys &&
        !given->has_certificates && !given->has_ca_references) {
        e->attestation = kept->attestation;
        memcpy(e->keys, kept->keys, sizeof(e->keys));
        memcpy(e->thumbprints, kept->thumbprints, sizeof(e->thumbprints));
        memcpy(e->certificates, kept->certificates, sizeof(e->certificates));
        memcpy(e->authorities, kept->authorities, sizeof(e->authorities));
        given->has_certificates = !was_key;
    }
    return true;
}

static bool write_one(struct rest *rest, struct enrolment_given *given, const char *if_match,
                      int64_t utc_ms, struct verdict *why)
{
    struct enrolment *e = &rest->enrolment;
    if (if_match == NULL && !given->has_attestation) {
        return refuse(why, HUB_ARGUMENT_INVALID, "attestation is missing");
    }
    if (if_match != NULL && !keep_secrets(rest, given, why)) {
        return false;
    }
    // Without any the enrolment would be open to every authority of the hub.
    if (e->attestation != ATTESTATION_SYMMETRIC_KEY && !given->has_certificates &&
        !given->has_ca_references) {
        return refuse(why, HUB_ARGUMENT_INVALID,
                      "x509 needs clientCertificates, signingCertificates or caReferences");
    }
    return resolve_references(rest, given, why) &&
           enrolments_write(rest->cfg.store, e, if_match, utc_ms, why);
}

static void forget(struct rest *rest)
{
    memset(rest->enrolment.keys, 0, sizeof(rest->enrolment.keys));
    memset(rest->kept.keys, 0, sizeof(rest->kept.keys));
}

void enrolment_put(struct rest *rest, const struct rest_request *q)
{
    struct enrolment_given given;
    struct json_reader r;
    struct verdict why;
    json_reader_init(&r, q->body, NULL);
    enrolment_from_json(&r, is_group(q), &rest->enrolment, &given);
    (void)json_end(&r);
    bool is_good = body_is_good(&r, &why);
    if (is_good &&
        !bytes_equal(bytes_of(rest->enrolment.id, strlen(rest->enrolment.id)), q->routed.id)) {
        is_good = refuse(&why, HUB_ARGUMENT_INVALID, "%s of the body must be the one of the path",
                         is_group(q) ? "enrollmentGroupId" : "registrationId");
    }
    is_good = is_good && write_one(rest, &given, q->if_match, q->utc_ms, &why);
    if (is_good) {
        answer_enrolment(rest, q);
    } else {
        answer_refusal(q->conn, ANSWER_DPS, &why);
    }
    forget(rest);
}

void enrolment_get(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    if (enrolments_read(rest->cfg.store, q->routed.id, is_group(q), &rest->enrolment, &why)) {
        answer_enrolment(rest, q);
    } else {
        answer_refusal(q->conn, ANSWER_DPS, &why);
    }
    forget(rest);
}

void enrolment_secret(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    struct json_writer w;
    if (enrolments_read(rest->cfg.store, q->routed.id, is_group(q), &rest->enrolment, &why)) {
        json_writer_init(&w, rest->out, REST_OUT_SIZE);
        attestation_to_json(&w, &rest->enrolment, true);
        answer_json(q->conn, 200, json_writer_bytes(&w), NULL);
        memset(rest->out, 0, w.size);
    } else {
        answer_refusal(q->conn, ANSWER_DPS, &why);
    }
    forget(rest);
}

void enrolment_delete(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    if (enrolments_delete(rest->cfg.store, q->routed.id, is_group(q), q->if_match, &why)) {
        answer_empty(q->conn, 204);
    } else {
        answer_refusal(q->conn, ANSWER_DPS, &why);
    }
}

// The whole bulk: its mode (index into `modes`, COUNT_OF them: none), how many, and where they
// stand.
static const char *const modes[] = {"create", "update", "updateIfMatchETag", "delete",
                                    "updateIfMatchEtag"};

static bool read_bulk(struct rest *rest, struct bytes body, size_t *mode, struct bytes *entries,
                      struct verdict *why)
{
    struct json_reader r;
    struct json_text key;
    char text[32] = "";
    unsigned count = 0;
    *entries = bytes_of(NULL, 0);
    json_reader_init(&r, body, NULL);
    const bool is_object = json_enter_object(&r);
    while (is_object && json_next_key(&r, &key)) {
        if (json_text_is(&key, "mode")) {
            json_get_string(&r, text, sizeof(text), NULL);
        } else if (json_text_is(&key, "enrollments")) {
            json_raw(&r, entries);
        } else {
            json_skip(&r);
        }
    }
    (void)json_end(&r);
    if (!body_is_good(&r, why)) {
        return false;
    }
    for (*mode = 0; *mode < COUNT_OF(modes) && strcmp(text, modes[*mode]) != 0; (*mode)++) {
    }
    if (*mode == COUNT_OF(modes)) {
        return refuse(why, HUB_ARGUMENT_INVALID,
                      "mode is create, update, updateIfMatchETag or delete");
    }
    json_reader_init(&r, *entries, NULL);
    for (bool more = json_enter_array(&r); more && json_next_item(&r); count++) {
        struct enrolment_given given;
        enrolment_from_json(&r, false, &rest->enrolment, &given);
    }
    if (!body_is_good(&r, why)) {
        return false;
    }
    return (count >= 1 && count <= REST_ENROLMENTS_BULK_MAX) ||
           refuse(why, HUB_ARGUMENT_INVALID, "%u enrollments at once, 1 to %d may be", count,
                  REST_ENROLMENTS_BULK_MAX);
}

static bool run_entry(struct rest *rest, size_t mode, struct enrolment_given *given, int64_t utc_ms,
                      struct verdict *why)
{
    const struct enrolment *e = &rest->enrolment;
    switch (mode) {
    case 0: return write_one(rest, given, NULL, utc_ms, why);
    case 1: return write_one(rest, given, "*", utc_ms, why);
    case 3:
        return enrolments_delete(rest->cfg.store, bytes_of(e->id, strlen(e->id)), false,
                                 given->etag[0] != '\0' ? given->etag : "*", why);
    default:
        if (given->etag[0] == '\0') {
            return refuse(why, HUB_PRECONDITION_FAILED, "this mode needs the etag");
        }
        return write_one(rest, given, given->etag, utc_ms, why);
    }
}

static void put_error(struct json_writer *w, const char *id, const struct verdict *why)
{
    json_begin_object(w);
    json_put_key_string(w, "registrationId", id);
    json_put_key_i64(w, "errorCode", (int)why->code);
    json_put_key_string(w, "errorStatus", why->message);
    json_end_object(w);
}

void enrolments_bulk(struct rest *rest, const struct rest_request *q)
{
    struct enrolment_given given;
    struct json_writer errors;
    struct json_writer w;
    struct json_reader r;
    struct bytes entries;
    struct verdict why;
    size_t mode = 0;
    bool all_good = true;
    if (!read_bulk(rest, q->body, &mode, &entries, &why)) {
        answer_refusal(q->conn, ANSWER_DPS, &why);
        return;
    }
    enum err err = store_begin(rest->cfg.store);
    json_writer_init(&errors, rest->out, REST_OUT_SIZE / 2);
    json_begin_array(&errors);
    json_reader_init(&r, entries, NULL);
    (void)json_enter_array(&r);
    while (err == OK && json_next_item(&r)) {
        enrolment_from_json(&r, false, &rest->enrolment, &given);
        if (!run_entry(rest, mode, &given, q->utc_ms, &why)) {
            all_good = false;
            put_error(&errors, rest->enrolment.id, &why);
        }
    }
    json_end_array(&errors);
    forget(rest);
    err = err == OK ? store_end(rest->cfg.store, true) : err;
    if (err != OK) {
        (void)fail(&why, err);
        answer_refusal(q->conn, ANSWER_DPS, &why);
        return;
    }
    json_writer_init(&w, rest->out + REST_OUT_SIZE / 2, REST_OUT_SIZE / 2);
    json_begin_object(&w);
    json_put_key_bool(&w, "isSuccessful", all_good);
    json_put_key(&w, "errors");
    json_put_raw(&w, json_writer_bytes(&errors));
    json_end_object(&w);
    answer_json(q->conn, all_good ? 200 : 400, json_writer_bytes(&w), NULL);
}
