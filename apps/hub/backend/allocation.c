// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/allocation.h"

#include "apps/hub/backend/registrations.h"
#include "base/crc.h"
#include "json/reader.h"

#include <string.h>

struct row {
    char pattern[ID_SIZE * 2];
    char hub[ENROLMENT_HOST_SIZE];
    struct bytes initial_twin, payload;
};

// With `*` going back to its last place: linear memory, no recursion.
bool allocation_matches(struct bytes pattern, struct bytes text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX;
    size_t star_text = 0;
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.size &&
                   (pattern.data[p] == '?' || pattern.data[p] == text.data[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

static bool take_object(struct json_reader *r, struct bytes *out)
{
    if (json_peek(r) != JSON_OBJECT) {
        return json_complain(r, json_offset(r), "expected an object");
    }
    return json_raw(r, out);
}

static bool take_row(struct json_reader *r, struct row *row)
{
    size_t at = json_offset(r);
    struct json_text key;
    *row = (struct row){0};
    if (!json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        bool is_good = false;
        if (json_text_is(&key, "match")) {
            is_good = json_get_string(r, row->pattern, sizeof(row->pattern), NULL);
        } else if (json_text_is(&key, "hub")) {
            is_good = json_get_string(r, row->hub, sizeof(row->hub), NULL);
        } else if (json_text_is(&key, "initialTwin")) {
            is_good = take_object(r, &row->initial_twin);
        } else if (json_text_is(&key, "payload")) {
            is_good = take_object(r, &row->payload);
        } else {
            json_complain(r, key.offset, "known are match, hub, initialTwin, payload");
        }
        if (!is_good) {
            return false;
        }
    }
    if (json_failed(r)) {
        return false;
    }
    if (row->payload.size >= REGISTRATION_PAYLOAD_SIZE ||
        row->initial_twin.size >= ENROLMENT_TWIN_SIZE) {
        return json_complain(r, at, "payload beyond 4 KiB or initialTwin beyond 40 KiB");
    }
    return row->pattern[0] != '\0' || json_complain(r, at, "a row needs a match");
}

// Walks the table until a row fits; an empty id fits none.
static bool walk(struct bytes table, struct bytes registration_id, struct row *row, bool *is_found,
                 struct verdict *why)
{
    struct json_reader r;
    json_reader_init(&r, table, NULL);
    int count = 0;
    bool is_good = json_enter_array(&r);
    *is_found = false;
    while (is_good && !*is_found && json_next_item(&r)) {
        is_good = ++count <= ALLOCATION_ROWS_MAX
                      ? take_row(&r, row)
                      : json_complain(&r, json_offset(&r), "more than 1000 rows");
        *is_found =
            is_good && registration_id.size > 0 &&
            allocation_matches(bytes_of(row->pattern, strlen(row->pattern)), registration_id);
    }
    if (is_good && (*is_found || json_end(&r))) {
        return true;
    }
    struct json_place place = json_place_of(table, r.error.offset);
    return refuse(why, HUB_ARGUMENT_INVALID, "allocation table, line %u column %u: %s", place.line,
                  place.column, r.error.message);
}

bool allocation_check_table(struct bytes table, struct verdict *why)
{
    struct row row;
    bool is_found = false;
    grant(why);
    return walk(table, bytes_of(NULL, 0), &row, &is_found, why);
}

// The host at that place of the list, counted round.
static void take_host(const char *hubs, uint64_t number, char out[ENROLMENT_HOST_SIZE])
{
    size_t count = 0;
    for (const char *at = hubs; *at != '\0'; count++) {
        at += strspn(at, " ");
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    const char *at = hubs + strspn(hubs, " ");
    for (uint64_t skip = number % (count > 0 ? count : 1); skip > 0; skip--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    size_t size = strcspn(at, " ");
    size = size < ENROLMENT_HOST_SIZE ? size : ENROLMENT_HOST_SIZE - 1;
    memcpy(out, at, size);
    out[size] = '\0';
}

bool allocation_choose(const struct enrolment *enrolment, struct bytes registration_id,
                       const char *own_hub, struct allocation *out, struct verdict *why)
{
    const char *hubs = enrolment->hubs[0] != '\0' ? enrolment->hubs : own_hub;
    uint64_t number = 0;
    struct row row = {0};
    bool is_found = false;
    grant(why);
    *out = (struct allocation){
        .initial_twin = bytes_of(enrolment->initial_twin, strlen(enrolment->initial_twin))};
    switch (enrolment->allocation) {
    case ALLOCATION_HASHED:
    case ALLOCATION_GEO_LATENCY: number = hash64(HASH64_START, registration_id) >> 16; break;
    case ALLOCATION_STATIC: break;
    case ALLOCATION_CUSTOM:
        if (!walk(bytes_of(enrolment->table, strlen(enrolment->table)), registration_id, &row,
                  &is_found, why)) {
            return false;
        }
        if (!is_found) {
            return refuse(why, HUB_ARGUMENT_INVALID,
                          "no row of the allocation table fits the registration id");
        }
        hubs = row.hub[0] != '\0' ? row.hub : hubs;
        out->initial_twin = row.initial_twin.size > 0 ? row.initial_twin : out->initial_twin;
        out->payload = row.payload;
        break;
    }
    take_host(hubs, number, out->hub);
    return true;
}
