// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/ingest.h"

#include "apps/cloud/ingest/flight_part.h"
#include "apps/cloud/store/flight.h"
#include "base/assert.h"
#include "port/linux/log.h"
#include "telemetry/event.h"
#include "telemetry/property_bag.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "ingest"

// Quality and reason are stored as these numbers; they must never change their meaning.
_Static_assert(TM_GOOD == 0 && TM_STALE == 1 && TM_BAD == 2, "qualities are stored");
_Static_assert(TM_REASON_NONE == 0 && TM_REASON_CONFIG == 10 && TM_REASON_OTHER == 11 &&
                   TM_REASON_GARBLED == 12 && TM_REASON_NO_ECHO == 13 && TM_REASON_BUSY == 14,
               "reasons are stored");

struct message {
    uint64_t sequence; // 0: taken up again
    uint32_t site;
    const struct hub_record *record;
    int64_t received_ms;
    struct bytes payload;
};

enum err ingest_init(struct ingest *ingest, struct store *store, struct catalogues *catalogues)
{
    *ingest = (struct ingest){.store = store, .catalogues = catalogues, .must_look = true};
    ingest->decode = (struct tm_decode_memory){
        .time_ms = malloc(INGEST_ROWS_MAX * sizeof(int64_t)),
        .rows = malloc(INGEST_ROWS_MAX * sizeof(struct tm_row)),
        .row_capacity = INGEST_ROWS_MAX,
        .text = malloc(HUB_PAYLOAD_SIZE_MAX),
        .text_capacity = HUB_PAYLOAD_SIZE_MAX,
    };
    ingest->staged = malloc(INGEST_ROWS_MAX * sizeof(struct entry));
    ingest->columns = malloc(INGEST_COLUMNS_MAX * sizeof(struct staged_column));
    ingest->again = malloc(HUB_PAYLOAD_SIZE_MAX);
    ingest->changed = calloc(store->cfg.site_max, sizeof(ingest->changed[0]));
    return ingest->decode.time_ms != NULL && ingest->decode.rows != NULL &&
                   ingest->decode.text != NULL && ingest->staged != NULL &&
                   ingest->columns != NULL && ingest->again != NULL && ingest->changed != NULL
               ? OK
               : ERR_FULL;
}

void ingest_deinit(struct ingest *ingest)
{
    free(ingest->decode.time_ms);
    free(ingest->decode.rows);
    free(ingest->decode.text);
    free(ingest->staged);
    free(ingest->columns);
    free(ingest->again);
    free(ingest->changed);
    *ingest = (struct ingest){.store = NULL};
}

void ingest_begin(struct ingest *ingest)
{
    ingest->batch_samples = 0;
    memset(ingest->changed, 0, ingest->store->cfg.site_max * sizeof(ingest->changed[0]));
}

void ingest_undone(struct ingest *ingest)
{
    ingest->must_resume = false;
    ingest->must_look = true;
    ingest->looked_at = (struct store_waiting){.wants = 0};
}

static enum err set_aside(struct ingest *ingest, const struct message *m, uint64_t wants,
                          const char *reason)
{
    if (wants == 0) {
        log_warn(MODULE, "aside", "site=%.*s sequence=%" PRIu64 " reason=%s size=%zu",
                 (int)m->record->device_id.size, (const char *)m->record->device_id.data,
                 m->sequence, reason, m->payload.size);
    }
    const struct store_aside aside = {
        .sequence = m->sequence,
        .device = m->record->device_id,
        .received_ms = m->received_ms,
        .wants = wants,
        .reason = reason,
        .properties = m->record->properties,
        .payload = m->payload,
    };
    return store_set_aside(ingest->store, &aside);
}

static struct entry decimal_entry(int64_t mantissa, int exponent)
{
    while (exponent > 0 && mantissa <= INT64_MAX / 10 && mantissa >= INT64_MIN / 10) {
        mantissa *= 10;
        exponent--;
    }
    while (exponent < -ENTRY_DECIMALS_MAX && mantissa % 10 == 0) {
        mantissa /= 10;
        exponent++;
    }
    struct entry e = {.value = mantissa};
    if (exponent <= 0 && exponent >= -ENTRY_DECIMALS_MAX) {
        e.form = entry_form(ENTRY_DECIMAL, 0, (uint8_t)-exponent);
        return e;
    }
    const struct tm_value value = tm_int(mantissa, exponent);
    const double number = tm_value_double(&value);
    memcpy(&e.value, &number, sizeof(number));
    e.form = entry_form(ENTRY_DOUBLE, 0, 0);
    return e;
}

struct entry entry_of_row(const struct tm_row *row, int64_t at_ms)
{
    struct entry e = {.value = 0};
    switch (row->value.kind) {
    case TM_NULL: e.form = entry_form(ENTRY_NONE, 0, 0); break;
    case TM_INT: e = decimal_entry(row->value.u.i, row->value.exponent); break;
    case TM_DOUBLE:
        e.form = entry_form(ENTRY_DOUBLE, 0, 0);
        memcpy(&e.value, &row->value.u.d, sizeof(e.value));
        break;
    case TM_BOOL:
        e.value = row->value.u.b ? 1 : 0;
        e.form = entry_form(ENTRY_DECIMAL, 0, 0);
        break;
    case TM_ENUM:
        e.value = row->value.u.i;
        e.form = entry_form(ENTRY_DECIMAL, 0, 0);
        break;
    case TM_TEXT: e.form = entry_form(ENTRY_TEXT, 0, 0); break;
    }
    e.form = (uint8_t)(e.form | (unsigned)row->quality << 2);
    e.reason = (uint8_t)row->reason;
    entry_set_at(&e, at_ms);
    return e;
}

// A column into the staging area. ERR_CORRUPT: a time out of all range; ERR_SIZE: no room.
static enum err stage(struct ingest *ingest, const struct tm_column *column)
{
    if (ingest->column_count == INGEST_COLUMNS_MAX ||
        column->row_count > INGEST_ROWS_MAX - ingest->staged_count) {
        return ERR_SIZE;
    }
    ingest->columns[ingest->column_count++] = (struct staged_column){
        .point = column->point, .first = ingest->staged_count, .count = column->row_count};
    for (uint32_t i = 0; i < column->row_count; i++) {
        const int64_t at_ms = column->time_ms[i];
        if (at_ms > ENTRY_AT_MAX - CHUNK_SPAN_MAX_MS || at_ms < -ENTRY_AT_MAX) {
            return ERR_CORRUPT;
        }
        struct entry e = entry_of_row(&column->rows[i], at_ms);
        if (column->rows[i].value.kind == TM_TEXT) {
            const struct tm_value *value = &column->rows[i].value;
            // An interned text that no sample uses in the end does no harm.
            enum err err =
                store_text(ingest->store, bytes_of(value->u.text, value->text_size), &e.value);
            if (err != OK) {
                return ERR_IO;
            }
        }
        ingest->staged[ingest->staged_count++] = e;
    }
    return OK;
}

static enum err decode(struct ingest *ingest, const struct message *m,
                       const struct site_catalogue *catalogue)
{
    struct tm_decoder d;
    struct tm_column column;
    ingest->staged_count = 0;
    ingest->column_count = 0;
    enum err err = tm_decode_init(&d, m->payload, &catalogue->tm, &ingest->decode);
    while (err == OK && (err = tm_decode_next(&d, &column)) == OK) {
        err = stage(ingest, &column);
    }
    return err == ERR_EMPTY ? OK : err;
}

static enum err add_staged(struct ingest *ingest, const struct message *m, uint64_t boot_id)
{
    for (uint32_t i = 0; i < ingest->column_count; i++) {
        const struct staged_column *column = &ingest->columns[i];
        for (uint32_t k = 0; k < column->count; k++) {
            const struct entry *e = &ingest->staged[column->first + k];
            const bool is_apart = boot_id != 0 || entry_at(e) > m->received_ms + STORE_AHEAD_MAX_MS;
            enum err err = is_apart ? store_add_apart(ingest->store, column->series, boot_id, e,
                                                      m->received_ms)
                                    : store_add(ingest->store, column->series, e, m->received_ms);
            if (err != OK) {
                return err;
            }
        }
    }
    ingest->batch_samples += ingest->staged_count;
    return OK;
}

static enum err take_samples(struct ingest *ingest, const struct message *m)
{
    struct tm_head head;
    const struct site_catalogue *catalogue = NULL;
    enum err err = tm_head_read(m->payload, &head);
    if (err != OK || head.kind != TM_MESSAGE_SAMPLES) {
        return set_aside(ingest, m, 0, err == ERR_UNSUPPORTED ? "version" : "malformed");
    }
    err = catalogues_find(ingest->catalogues, m->site, head.catalogue_hash, &catalogue);
    if (err == ERR_NOT_FOUND) {
        log_info(MODULE, "waits", "site=%.*s catalogue=%016" PRIx64, (int)m->record->device_id.size,
                 (const char *)m->record->device_id.data, head.catalogue_hash);
        return set_aside(ingest, m, head.catalogue_hash, "catalogue");
    }
    if (err == OK) {
        err = decode(ingest, m, catalogue);
        if (err != OK && err != ERR_IO) {
            return set_aside(ingest, m, 0, err == ERR_UNSUPPORTED ? "version" : "malformed");
        }
    }
    for (uint32_t i = 0; err == OK && i < ingest->column_count; i++) {
        struct staged_column *column = &ingest->columns[i];
        err = store_series(ingest->store, m->site, column->point, &column->series);
        if (err == ERR_FULL && ingest->store->series_used == ingest->store->cfg.series_max) {
            return set_aside(ingest, m, 0, "series_max");
        }
    }
    return err == OK ? add_staged(ingest, m, head.boot_id) : err;
}

static bool site_of(const struct store *store, const char *device, uint32_t *site)
{
    for (uint32_t i = 0; i < store->sites_used; i++) {
        if (strcmp(store->sites[i].device, device) == 0) {
            *site = i;
            return true;
        }
    }
    return false;
}

enum err ingest_look(struct ingest *ingest)
{
    while (ingest->must_look && !ingest->must_resume) {
        const struct site_catalogue *catalogue = NULL;
        uint32_t site = 0;
        enum err err = store_next_waiting(ingest->store, &ingest->looked_at);
        if (err == ERR_NOT_FOUND) {
            ingest->must_look = false;
            return OK;
        }
        if (err == OK && site_of(ingest->store, ingest->looked_at.device, &site)) {
            err = catalogues_find(ingest->catalogues, site, ingest->looked_at.wants, &catalogue);
            ingest->must_resume = err == OK;
            ingest->resume_hash = ingest->looked_at.wants;
            ingest->resume_site = site;
            err = err == ERR_NOT_FOUND ? OK : err;
        }
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

enum err ingest_resume(struct ingest *ingest)
{
    const char *device = ingest->store->sites[ingest->resume_site].device;
    const struct hub_record record = {.device_id = bytes_of(device, strlen(device))};
    ingest->must_resume = false;
    ingest->changed[ingest->resume_site] |= INGEST_RECEIVED;
    for (;;) {
        struct writer payload = writer_of(ingest->again, HUB_PAYLOAD_SIZE_MAX);
        struct message waiting = {.site = ingest->resume_site, .record = &record};
        enum err err = store_take_aside(ingest->store, record.device_id, ingest->resume_hash,
                                        &payload, &waiting.received_ms);
        if (err != OK) {
            return err == ERR_NOT_FOUND ? OK : err;
        }
        waiting.payload = writer_bytes(&payload);
        err = take_samples(ingest, &waiting);
        if (err != OK) {
            return err;
        }
        if (ingest->batch_samples >= STORE_BATCH_SAMPLES_MAX) {
            ingest->must_resume = true;
            return OK;
        }
    }
}

static enum err take_catalogue(struct ingest *ingest, const struct message *m)
{
    uint64_t hash = 0;
    bool is_complete = false;
    enum err err =
        catalogues_take_part(ingest->catalogues, m->site, m->payload, &hash, &is_complete);
    if (err == ERR_CORRUPT || err == ERR_UNSUPPORTED || err == ERR_SIZE) {
        return set_aside(ingest, m, 0, err == ERR_UNSUPPORTED ? "version" : "malformed");
    }
    if (err == OK && is_complete) {
        log_info(MODULE, "catalogue", "site=%.*s hash=%016" PRIx64, (int)m->record->device_id.size,
                 (const char *)m->record->device_id.data, hash);
        ingest->changed[m->site] |= INGEST_CATALOGUE;
        ingest->resume_hash = hash;
        ingest->resume_site = m->site;
        err = ingest_resume(ingest);
    }
    return err;
}

static enum err take_event(struct ingest *ingest, const struct message *m, uint64_t boot_id,
                           const struct tm_event *event)
{
    if (event->kind == TM_EVENT_GAP) {
        const struct store_gap gap = {.boot_id = boot_id,
                                      .from_ms = event->from_ms,
                                      .to_ms = event->to_ms,
                                      .count = event->count};
        log_warn(MODULE, "gap", "site=%.*s count=%" PRIu64 " from=%" PRId64 " to=%" PRId64,
                 (int)m->record->device_id.size, (const char *)m->record->device_id.data,
                 event->count, event->from_ms, event->to_ms);
        enum err err = store_add_gap(ingest->store, m->site, &gap);
        if (err != OK) {
            return err;
        }
    }
    const bool has_state = event->kind == TM_EVENT_ALERT;
    static const char *const states[] = {"normal", "low", "high"};
    const struct store_event row = {
        .kind = tm_event_name(event->kind),
        .boot_id = boot_id,
        .at_ms = event->at_ms,
        .received_ms = m->received_ms,
        .point = event->point,
        .text = has_state && event->text.size == 0 && event->state < COUNT_OF(states)
                    ? bytes_of(states[event->state], strlen(states[event->state]))
                    : event->text,
    };
    return store_add_event(ingest->store, m->site, &row);
}

static enum err take_events(struct ingest *ingest, const struct message *m)
{
    char text[TM_TEXT_SIZE_MAX + 1];
    struct tm_event event;
    struct tm_event_reader r;
    // Twice: a message that is broken half way gives nothing.
    for (int pass = 0; pass < 2; pass++) {
        enum err err = tm_events_init(&r, m->payload, text, sizeof(text));
        while (err == OK && (err = tm_events_next(&r, &event)) == OK) {
            err = pass == 1 ? take_event(ingest, m, r.head.boot_id, &event) : OK;
            if (err != OK) {
                return err;
            }
        }
        if (err != ERR_EMPTY) {
            return set_aside(ingest, m, 0, err == ERR_UNSUPPORTED ? "version" : "malformed");
        }
    }
    return OK;
}

// The site of a message's device; *is_aside: there is no room for it, and the message was set
// aside.
static enum err take_site(struct ingest *ingest, struct message *m, bool *is_aside)
{
    struct store *store = ingest->store;
    enum err err = store_site(store, m->record->device_id, &m->site);
    *is_aside = err == ERR_FULL && store->sites_used == store->cfg.site_max;
    return *is_aside ? set_aside(ingest, m, 0, "site_max") : err;
}

static enum err take_flight(struct ingest *ingest, struct message *m,
                            const struct flight_part *part)
{
    bool is_aside = false;
    enum err err = take_site(ingest, m, &is_aside);
    if (err != OK || is_aside) {
        return err;
    }
    const struct store_flight_part row = {.number = part->number,
                                          .part = part->part,
                                          .parts = part->parts,
                                          .received_ms = m->received_ms,
                                          .text = m->payload};
    store_site_received(ingest->store, m->site, m->received_ms);
    ingest->changed[m->site] |= INGEST_RECEIVED;
    return store_add_flight_part(ingest->store, m->site, &row);
}

enum err ingest_message(struct ingest *ingest, uint64_t sequence, const struct hub_record *record)
{
    struct message m = {.sequence = sequence,
                        .record = record,
                        .received_ms = record->received_utc_ms,
                        .payload = record->payload};
    struct tm_bag bag;
    struct flight_part part;
    bool is_new = false;
    bool is_aside = false;
    enum err err = flight_part_read(record->properties, &part);
    if (err != ERR_NOT_FOUND) {
        return err == OK ? take_flight(ingest, &m, &part) : set_aside(ingest, &m, 0, "malformed");
    }
    err = tm_bag_read(record->properties, &bag);
    if (err != OK || bag.number > INT64_MAX) {
        return set_aside(ingest, &m, 0, "unknown");
    }
    err = take_site(ingest, &m, &is_aside);
    if (is_aside) {
        return err;
    }
    if (err == OK) {
        const struct message_number n = {.journal = bag.journal_id, .number = bag.number};
        err = store_take_message(ingest->store, m.site, n, &is_new);
    }
    if (err != OK || !is_new) {
        return err;
    }
    store_site_received(ingest->store, m.site, m.received_ms);
    ingest->changed[m.site] |= INGEST_RECEIVED;
    switch (bag.kind) {
    case TM_MESSAGE_SAMPLES: return take_samples(ingest, &m);
    case TM_MESSAGE_CATALOGUE: return take_catalogue(ingest, &m);
    case TM_MESSAGE_EVENTS: return take_events(ingest, &m);
    }
    return set_aside(ingest, &m, 0, "unknown");
}
