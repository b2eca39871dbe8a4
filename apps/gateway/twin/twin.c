// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/twin.h"

#include "base/assert.h"
#include "json/merge.h"
#include "json/reader.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

_Static_assert((int)TWIN_REPORTED_SIZE_MAX <= (int)TWIN_DESIRED_SIZE_MAX, "the scratch is shared");

enum { ANSWER_OK = 200, ANSWER_NO_CONTENT = 204, ANSWER_CONFLICT = 412, ANSWER_THROTTLED = 429 };

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

void twin_init(struct twin *twin, const struct twin_config *cfg)
{
    memset(twin, 0, offsetof(struct twin, desired));
    struct twin_config c = cfg != NULL ? *cfg : (struct twin_config){0};
    c.answer_timeout_ms = or_default(c.answer_timeout_ms, 30000);
    c.backoff_min_ms = or_default(c.backoff_min_ms, 5000);
    c.backoff_max_ms = or_default(c.backoff_max_ms, 300000);
    c.report_min_ms = or_default(c.report_min_ms, 1000);
    twin->cfg = c;
    twin->random = c.seed | 1;
}

static uint64_t next_random(struct twin *twin)
{
    twin->random ^= twin->random << 13; // xorshift64
    twin->random ^= twin->random >> 7;
    twin->random ^= twin->random << 17;
    return twin->random;
}

static void note(struct twin *twin, int32_t status, const char *what)
{
    twin->has_note = true;
    twin->note_status = status;
    snprintf(twin->note, sizeof(twin->note), "%s", what);
}

// Half of the pause is certain, half is chance.
static void try_again(struct twin *twin, struct twin_request *request, uint64_t now_us)
{
    uint64_t pause_ms = twin->cfg.backoff_min_ms;
    for (uint32_t i = 0; i < request->failures && pause_ms < twin->cfg.backoff_max_ms; i++) {
        pause_ms *= 2;
    }
    pause_ms = time_min(pause_ms, twin->cfg.backoff_max_ms);
    uint64_t half_us = pause_ms * US_PER_MS / 2;
    request->failures++;
    request->is_waiting = false;
    request->is_due = true;
    request->at_us = time_after(now_us, half_us + next_random(twin) % (half_us + 1));
    twin->stats.retries++;
}

static void get_again(struct twin *twin, uint64_t now_us)
{
    twin->state = TWIN_GETTING;
    twin->get = (struct twin_request){.is_due = true, .at_us = now_us};
}

void twin_online(struct twin *twin, uint64_t now_us)
{
    twin->seen_version = 0;
    get_again(twin, now_us);
    twin->report.failures = 0;
    twin->report.is_due = twin->waiting_size > 0;
    twin->report.at_us = now_us;
}

void twin_refresh(struct twin *twin, uint64_t now_us)
{
    if (twin->state == TWIN_CURRENT) {
        get_again(twin, now_us);
    }
}

// Puts what is in flight back before what waits; the newest wins where both do not fit.
static void unsend(struct twin *twin)
{
    if (twin->flying_size == 0) {
        return;
    }
    struct bytes flying = bytes_of(twin->flying, twin->flying_size);
    struct bytes waiting = bytes_of(twin->waiting, twin->waiting_size);
    struct json_writer w;
    json_writer_init(&w, (char *)twin->scratch, TWIN_REPORTED_SIZE_MAX);
    enum err err = OK;
    if (waiting.size == 0) {
        json_put_raw(&w, flying);
    } else {
        err = json_merge_patches(flying, waiting, &w);
    }
    if (err == OK) {
        memcpy(twin->waiting, twin->scratch, w.size);
        twin->waiting_size = w.size;
    } else {
        note(twin, 0, "a reported patch was given up: with a newer one it is too large");
    }
    twin->flying_size = 0;
    twin->report.is_due = true;
}

void twin_offline(struct twin *twin, uint64_t now_us)
{
    twin->state = TWIN_OFFLINE;
    unsend(twin);
    twin->get = (struct twin_request){.at_us = now_us};
    twin->report.is_waiting = false;
}

// Takes "$version" out of a document. False: it is no object, or has no version.
static bool take_version(struct bytes in, uint64_t *version, struct json_writer *out)
{
    struct json_reader r;
    struct json_text key;
    struct bytes value;
    char name[JSON_MERGE_KEY_SIZE_MAX + 1];
    size_t size = 0;
    bool has_version = false;
    json_reader_init(&r, in, NULL);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return false;
    }
    json_begin_object(out);
    while (json_next_key(&r, &key)) {
        if (json_text_is(&key, "$version")) {
            has_version = json_get_u64(&r, 0, INT64_MAX, version);
            continue;
        }
        bool is_name = json_unescape(&key, name, JSON_MERGE_KEY_SIZE_MAX, &size) == OK &&
                       memchr(name, 0, size) == NULL;
        if (!is_name || !json_raw(&r, &value)) {
            return false;
        }
        name[size] = '\0';
        if (!json_text_is(&key, "$metadata")) {
            json_put_key(out, name);
            json_put_raw(out, value);
        }
    }
    bool is_whole = json_end(&r);
    if (is_whole) {
        json_end_object(out);
    }
    return is_whole && has_version;
}

static bool find_desired(struct bytes body, struct bytes *desired)
{
    struct json_reader r;
    struct json_text key;
    struct bytes value;
    bool is_found = false;
    json_reader_init(&r, body, NULL);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return false;
    }
    while (json_next_key(&r, &key) && json_raw(&r, &value)) {
        if (json_text_is(&key, "desired")) {
            *desired = value;
            is_found = true;
        }
    }
    return is_found && json_end(&r);
}

static void take_document(struct twin *twin, uint64_t now_us, struct bytes body)
{
    struct bytes desired = bytes_of(NULL, 0);
    uint64_t version = 0;
    struct json_writer w;
    json_writer_init(&w, (char *)twin->scratch, sizeof(twin->scratch));
    if (!find_desired(body, &desired) || !take_version(desired, &version, &w)) {
        twin->stats.malformed++;
        note(twin, ANSWER_OK, "the twin that the hub sent cannot be read; asked again");
        try_again(twin, &twin->get, now_us);
        return;
    }
    if (w.failed) {
        twin->stats.malformed++;
        note(twin, ANSWER_OK, "the desired properties are larger than a twin may hold");
        try_again(twin, &twin->get, now_us);
        return;
    }
    if (version < twin->seen_version) { // older than a patch that came meanwhile
        twin->stats.gaps++;
        try_again(twin, &twin->get, now_us);
        return;
    }
    twin->get = (struct twin_request){0};
    twin->state = TWIN_CURRENT;
    twin->has_news = !twin->is_known || twin->version != version || twin->has_news;
    twin->is_known = true;
    twin->version = version;
    memcpy(twin->desired, twin->scratch, w.size);
    twin->desired_size = w.size;
}

static bool is_for(const struct twin_request *request, const struct az_topic *topic)
{
    return request->is_waiting && topic->rid.size == strlen(request->rid) &&
           memcmp(topic->rid.data, request->rid, topic->rid.size) == 0;
}

static bool is_passing(int32_t status)
{
    return status == ANSWER_THROTTLED || status >= 500;
}

static void take_get_answer(struct twin *twin, uint64_t now_us, const struct az_topic *topic,
                            struct bytes body)
{
    twin->get.is_waiting = false;
    if (topic->status == ANSWER_OK) {
        take_document(twin, now_us, body);
        return;
    }
    note(twin, topic->status,
         is_passing(topic->status) ? "the hub cannot give the twin now; asked again"
                                   : "the hub refuses to give the twin; asked again");
    twin->stats.refusals++;
    try_again(twin, &twin->get, now_us);
}

static void take_report_answer(struct twin *twin, uint64_t now_us, const struct az_topic *topic)
{
    twin->report.is_waiting = false;
    if (topic->status == ANSWER_NO_CONTENT || topic->status == ANSWER_OK) {
        twin->flying_size = 0;
        twin->report =
            (struct twin_request){.is_due = twin->waiting_size > 0,
                                  .at_us = time_after(now_us, twin->cfg.report_min_ms * US_PER_MS)};
        return;
    }
    twin->stats.refusals++;
    if (is_passing(topic->status) || topic->status == ANSWER_CONFLICT) {
        if (topic->status == ANSWER_CONFLICT) {
            get_again(twin, now_us);
        }
        unsend(twin);
        try_again(twin, &twin->report, now_us);
        return;
    }
    // It would be refused each time: the next one, with other values, may pass.
    note(twin, topic->status, "the hub refuses a reported patch; it is given up");
    twin->flying_size = 0;
    twin->report =
        (struct twin_request){.is_due = twin->waiting_size > 0,
                              .at_us = time_after(now_us, twin->cfg.backoff_min_ms * US_PER_MS)};
}

static void take_patch(struct twin *twin, uint64_t now_us, uint64_t version, struct bytes body)
{
    uint64_t stated = version;
    struct json_writer patch;
    struct json_writer merged;
    if (twin->state != TWIN_CURRENT) {
        twin->seen_version = version > twin->seen_version ? version : twin->seen_version;
        return;
    }
    if (version <= twin->version) {
        return;
    }
    twin->stats.patches++;
    twin->seen_version = version;
    if (version != twin->version + 1) {
        twin->stats.gaps++;
        get_again(twin, now_us);
        return;
    }
    // Patch and result share the scratch: the patch at its end is no larger than it came.
    size_t half = body.size < sizeof(twin->scratch) ? sizeof(twin->scratch) - body.size : 0;
    json_writer_init(&patch, (char *)twin->scratch + half, sizeof(twin->scratch) - half);
    json_writer_init(&merged, (char *)twin->scratch, half);
    bool is_good = half > 0 && take_version(body, &stated, &patch) && stated == version &&
                   !patch.failed &&
                   json_merge(bytes_of(twin->desired, twin->desired_size),
                              json_writer_bytes(&patch), &merged) == OK;
    if (!is_good) {
        twin->stats.malformed++;
        get_again(twin, now_us);
        return;
    }
    memcpy(twin->desired, twin->scratch, merged.size);
    twin->desired_size = merged.size;
    twin->version = version;
    twin->has_news = true;
}

void twin_message(struct twin *twin, uint64_t now_us, const struct az_topic *topic,
                  struct bytes body)
{
    if (twin->state == TWIN_OFFLINE) {
        return;
    }
    if (topic->kind == AZ_TWIN_DESIRED) {
        take_patch(twin, now_us, topic->version, body);
    } else if (topic->kind == AZ_TWIN_ANSWER && is_for(&twin->get, topic)) {
        take_get_answer(twin, now_us, topic, body);
    } else if (topic->kind == AZ_TWIN_ANSWER && is_for(&twin->report, topic)) {
        take_report_answer(twin, now_us, topic);
    }
}

enum err twin_report(struct twin *twin, uint64_t now_us, struct bytes patch)
{
    struct json_reader r;
    struct json_writer w;
    json_reader_init(&r, patch, NULL);
    if (json_peek(&r) != JSON_OBJECT) {
        return ERR_CORRUPT;
    }
    struct bytes before =
        twin->waiting_size > 0 ? bytes_of(twin->waiting, twin->waiting_size) : bytes_of("{}", 2);
    json_writer_init(&w, (char *)twin->scratch, TWIN_REPORTED_SIZE_MAX);
    enum err err = json_merge_patches(before, patch, &w);
    if (err != OK) {
        return err;
    }
    memcpy(twin->waiting, twin->scratch, w.size);
    twin->waiting_size = w.size;
    if (!twin->report.is_due && !twin->report.is_waiting) {
        twin->report.is_due = true;
        twin->report.at_us = now_us;
    }
    return OK;
}

static uint64_t request_deadline_us(const struct twin_request *request)
{
    return request->is_due || request->is_waiting ? request->at_us : TIME_NEVER;
}

uint64_t twin_deadline_us(const struct twin *twin)
{
    if (twin->state == TWIN_OFFLINE) {
        return TIME_NEVER;
    }
    return time_min(request_deadline_us(&twin->get), request_deadline_us(&twin->report));
}

void twin_tick(struct twin *twin, uint64_t now_us)
{
    if (twin->get.is_waiting && now_us >= twin->get.at_us) {
        note(twin, 0, "the hub did not answer when asked for the twin; asked again");
        try_again(twin, &twin->get, now_us);
    }
    if (twin->report.is_waiting && now_us >= twin->report.at_us) {
        note(twin, 0, "the hub did not answer a reported patch; sent again");
        unsend(twin);
        try_again(twin, &twin->report, now_us);
    }
}

static bool take_due(struct twin *twin, struct twin_request *request, uint64_t now_us, char kind)
{
    if (!request->is_due || request->is_waiting || now_us < request->at_us) {
        return false;
    }
    request->is_due = false;
    request->is_waiting = true;
    request->at_us = time_after(now_us, twin->cfg.answer_timeout_ms * US_PER_MS);
    snprintf(request->rid, sizeof(request->rid), "%c%u", kind, ++twin->rid_next);
    return true;
}

static bool next_send(struct twin *twin, uint64_t now_us, struct twin_out *out)
{
    if (take_due(twin, &twin->get, now_us, 'g')) {
        twin->stats.gets++;
        *out = (struct twin_out){
            .kind = TWIN_OUT_SEND,
            .topic = {.kind = AZ_TWIN_GET, .rid = bytes_of(twin->get.rid, strlen(twin->get.rid))}};
        return true;
    }
    if (twin->flying_size > 0 || twin->waiting_size == 0 ||
        !take_due(twin, &twin->report, now_us, 'r')) {
        return false;
    }
    memcpy(twin->flying, twin->waiting, twin->waiting_size);
    twin->flying_size = twin->waiting_size;
    twin->waiting_size = 0;
    twin->stats.reports++;
    *out = (struct twin_out){.kind = TWIN_OUT_SEND,
                             .topic = {.kind = AZ_TWIN_REPORT,
                                       .rid = bytes_of(twin->report.rid, strlen(twin->report.rid))},
                             .body = bytes_of(twin->flying, twin->flying_size)};
    return true;
}

bool twin_next(struct twin *twin, uint64_t now_us, struct twin_out *out)
{
    if (twin->has_note) {
        twin->has_note = false;
        *out = (struct twin_out){
            .kind = TWIN_OUT_NOTE, .status = twin->note_status, .text = twin->note};
        return true;
    }
    if (twin->has_news) {
        twin->has_news = false;
        *out = (struct twin_out){.kind = TWIN_OUT_DESIRED,
                                 .version = twin->version,
                                 .body = bytes_of(twin->desired, twin->desired_size)};
        return true;
    }
    return twin->state != TWIN_OFFLINE && next_send(twin, now_us, out);
}
