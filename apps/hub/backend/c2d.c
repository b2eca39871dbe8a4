// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/c2d.h"

#include "apps/hub/backend/c2d_rows.h"
#include "base/assert.h"
#include "base/text_forms.h"
#include "port/linux/log.h"
#include "json/writer.h"

#include <stdio.h>
#include <string.h>

#define MODULE "c2d"

enum { LOOK_US = 5 * US_PER_S, EXPIRED_PER_LOOK = 200 };

void c2d_init(struct c2d *c, struct store *store, struct sessions *sessions)
{
    *c = (struct c2d){.store = store, .sessions = sessions, .deliveries_max = C2D_DELIVERIES_MAX};
}

static void mark_due(struct c2d *c, struct bytes device_id)
{
    struct session *session = sessions_find(c->sessions, device_id);
    if (session != NULL && (session->subscriptions & SESSION_C2D) != 0) {
        session->is_c2d_due = true;
        c->is_due_any = true;
    }
}

// The bag as the device will see it.
static struct bytes write_bag(struct c2d *c, const struct c2d_message *in, struct bytes id)
{
    static const char *const acks[] = {
        [C2D_ACK_NONE] = "none",
        [C2D_ACK_POSITIVE] = "positive",
        [C2D_ACK_NEGATIVE] = "negative",
        [C2D_ACK_FULL] = "full",
    };
    struct writer w = writer_of(c->bag, sizeof(c->bag));
    put_bytes(&w, bytes_of_text("%24.mid="));
    put_percent(&w, id, HEX_CAPITAL);
    put_bytes(&w, bytes_of_text("&%24.to=%2Fdevices%2F"));
    put_percent(&w, in->device_id, HEX_CAPITAL);
    put_bytes(&w, bytes_of_text("%2Fmessages%2FdeviceBound"));
    if (in->ack != C2D_ACK_NONE) {
        put_bytes(&w, bytes_of_text("&iothub-ack="));
        put_bytes(&w, bytes_of_text(acks[in->ack]));
    }
    if (in->properties.size > 0) {
        put_u8(&w, '&');
        put_bytes(&w, in->properties);
    }
    ASSERT(!w.failed);
    return writer_bytes(&w);
}

static bool check(const struct c2d_message *in, int64_t utc_ms, struct verdict *why)
{
    if (in->payload.size > C2D_SIZE_MAX || in->properties.size > C2D_BAG_SIZE_MAX) {
        return refuse(why, HUB_TOO_LARGE, "a message has at most %d bytes, its properties %d",
                      C2D_SIZE_MAX, C2D_BAG_SIZE_MAX);
    }
    if (in->message_id.size >= C2D_MESSAGE_ID_SIZE) {
        return refuse(why, HUB_ARGUMENT_INVALID, "a message id has at most 128 characters");
    }
    if (in->expires_ms != 0 &&
        (in->expires_ms <= utc_ms || in->expires_ms - utc_ms > C2D_TTL_MAX_MS)) {
        return refuse(why, HUB_ARGUMENT_INVALID, "the expiry must be within 2 days from now");
    }
    for (size_t i = 0; i < in->properties.size; i++) {
        uint8_t byte = in->properties.data[i];
        if (byte <= ' ' || byte > '~' || strchr("/+#?", byte) != NULL) {
            return refuse(why, HUB_ARGUMENT_INVALID, "the properties are not percent-encoded");
        }
    }
    return true;
}

static bool insert(struct c2d *c, const struct c2d_message *in, struct bytes id, int64_t utc_ms,
                   struct verdict *why)
{
    uint32_t count = 0;
    sqlite3_stmt *s = store_get(c->store, "SELECT 1 FROM device WHERE id=?1");
    store_bind_span(s, 1, in->device_id);
    enum err err = store_row(c->store, s);
    if (err == ERR_EMPTY) {
        return refuse(why, HUB_DEVICE_NOT_FOUND, "device %.*s is not registered",
                      (int)(in->device_id.size < ID_SIZE ? in->device_id.size : ID_SIZE - 1),
                      (const char *)in->device_id.data);
    }
    if (err == OK) {
        sqlite3_reset(s);
        err = c2d_rows_count(c->store, in->device_id, &count);
    }
    if (err != OK) {
        return fail(why, err);
    }
    if (count >= C2D_QUEUE_MAX) {
        return refuse(why, HUB_QUEUE_FULL, "%u messages wait for the device, at most %d", count,
                      C2D_QUEUE_MAX);
    }
    s = store_get(c->store, "INSERT INTO c2d(device_id, message_id, properties, payload,"
                            " enqueued_ms, expires_ms, ack) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    store_bind_span(s, 1, in->device_id);
    store_bind_span(s, 2, id);
    store_bind_span(s, 3, write_bag(c, in, id));
    store_bind_bytes(s, 4, in->payload);
    store_bind_number(s, 5, utc_ms);
    store_bind_number(s, 6, in->expires_ms != 0 ? in->expires_ms : utc_ms + C2D_TTL_DEFAULT_MS);
    store_bind_number(s, 7, in->ack);
    err = store_run(c->store, s);
    return err == OK || fail(why, err);
}

bool c2d_send(struct c2d *c, const struct c2d_message *in, int64_t utc_ms, int64_t *sequence,
              struct verdict *why)
{
    grant(why);
    if (!check(in, utc_ms, why)) {
        return false;
    }
    uint64_t random[2];
    char made[C2D_MESSAGE_ID_SIZE];
    struct bytes id = in->message_id;
    if (id.size == 0) {
        if (random_bytes(random, sizeof(random)) != OK) {
            return fail(why, ERR_IO);
        }
        int size = snprintf(made, sizeof(made), "%016llx%016llx", (unsigned long long)random[0],
                            (unsigned long long)random[1]);
        id = bytes_of(made, (size_t)size);
    }
    enum err err = store_begin(c->store);
    if (err != OK) {
        return fail(why, err);
    }
    bool is_good = insert(c, in, id, utc_ms, why);
    int64_t number = is_good ? sqlite3_last_insert_rowid(c->store->handle) : 0;
    err = store_end(c->store, is_good);
    if (err != OK || !is_good) {
        return is_good ? fail(why, err) : false;
    }
    if (sequence != NULL) {
        *sequence = number;
    }
    mark_due(c, in->device_id);
    return true;
}

static void drop_flights(struct c2d *c, struct bytes device_id)
{
    for (size_t i = 0; i < C2D_FLIGHT_MAX; i++) {
        if (c->flights[i].sequence != 0 &&
            bytes_equal(bytes_of_text(c->flights[i].device_id), device_id)) {
            c->flights[i].sequence = 0;
        }
    }
}

// One transaction around a change of rows that nobody waits for.
static enum err end_all(struct c2d *c, struct bytes device_id, const char *clean, int64_t utc_ms,
                        uint32_t *count)
{
    bool is_new = true;
    enum err err = store_begin(c->store);
    if (err != OK) {
        return err;
    }
    if (clean != NULL) {
        err = c2d_rows_note_clean(c->store, device_id, clean, &is_new);
    }
    if (err == OK && is_new) {
        err = c2d_rows_end_all(c->store, device_id, C2D_PURGED, utc_ms, count);
    }
    enum err end = store_end(c->store, err == OK);
    return err != OK ? err : end;
}

bool c2d_purge(struct c2d *c, struct bytes device_id, int64_t utc_ms, uint32_t *count,
               struct verdict *why)
{
    uint32_t removed = 0;
    enum err err = end_all(c, device_id, NULL, utc_ms, &removed);
    if (err != OK) {
        return fail(why, err);
    }
    drop_flights(c, device_id);
    if (count != NULL) {
        *count = removed;
    }
    return grant(why);
}

static struct c2d_flight *free_flight(struct c2d *c)
{
    for (size_t i = 0; i < C2D_FLIGHT_MAX; i++) {
        if (c->flights[i].sequence == 0) {
            return &c->flights[i];
        }
    }
    return NULL;
}

static struct c2d_flight *add_flight(struct c2d *c, const struct session *session, int64_t sequence,
                                     uint64_t settle_us)
{
    struct c2d_flight *flight = free_flight(c);
    if (flight != NULL) {
        *flight = (struct c2d_flight){
            .sequence = sequence, .connection = session->connection, .settle_us = settle_us};
        memcpy(flight->device_id, session->id, sizeof(flight->device_id));
    }
    return flight;
}

void c2d_up(struct c2d *c, uint64_t now_us, int64_t utc_ms, struct bytes device_id, bool is_clean)
{
    const struct session *session = sessions_find(c->sessions, device_id);
    drop_flights(c, device_id);
    if (session == NULL) {
        return;
    }
    if (is_clean) {
        char connection[64];
        snprintf(connection, sizeof(connection), "%s/%llu", c->boot,
                 (unsigned long long)session->connection);
        enum err err = end_all(c, device_id, connection, utc_ms, NULL);
        if (err != OK) {
            log_error(MODULE, "purge", "device=%s err=%s", session->id, err_name(err));
        }
    }
    int64_t sequence = 0;
    while (c2d_rows_locked(c->store, device_id, sequence, &sequence) == OK) {
        // Else it is settled when the device comes again.
        (void)add_flight(c, session, sequence, time_after(now_us, C2D_LOCK_US));
    }
    mark_due(c, device_id);
}

void c2d_subscribed(struct c2d *c, struct bytes device_id)
{
    mark_due(c, device_id);
}

void c2d_down(struct c2d *c, struct bytes device_id)
{
    drop_flights(c, device_id);
}

void c2d_lost(struct c2d *c)
{
    memset(c->flights, 0, sizeof(c->flights));
}

void c2d_hello(struct c2d *c, const char *boot)
{
    c2d_lost(c);
    if (strcmp(c->boot, boot) == 0) {
        return;
    }
    enum err err = c2d_rows_unlock_other(c->store, boot);
    if (err != OK) {
        log_error(MODULE, "unlock", "err=%s", err_name(err)); // sent again with the next boot
        return;
    }
    snprintf(c->boot, sizeof(c->boot), "%s", boot);
}

void c2d_taken(struct c2d *c, uint64_t now_us, int64_t utc_ms, struct bytes device_id,
               uint64_t token)
{
    for (size_t i = 0; i < C2D_FLIGHT_MAX; i++) {
        struct c2d_flight *flight = &c->flights[i];
        if (flight->sequence == 0 || flight->token != token || flight->settle_us != TIME_NEVER ||
            !bytes_equal(bytes_of_text(flight->device_id), device_id)) {
            continue;
        }
        // Flights of connections that ended are gone already: this one had it.
        if (c2d_rows_lock(c->store, flight->sequence, c->boot, utc_ms) != OK) {
            flight->sequence = 0; // to be sent again
            return;
        }
        flight->settle_us = time_after(now_us, C2D_LOCK_US);
        return;
    }
}

uint64_t c2d_deadline_us(const struct c2d *c)
{
    uint64_t deadline_us = c->look_us;
    for (size_t i = 0; i < C2D_FLIGHT_MAX; i++) {
        if (c->flights[i].sequence != 0) {
            deadline_us = time_min(deadline_us, c->flights[i].settle_us);
        }
    }
    return deadline_us;
}

static enum err end_row(struct c2d *c, int64_t sequence, enum c2d_end how, int64_t utc_ms)
{
    enum err err = store_begin(c->store);
    if (err != OK) {
        return err;
    }
    err = c2d_rows_end(c->store, sequence, how, utc_ms);
    enum err end = store_end(c->store, err == OK);
    return err != OK ? err : end;
}

void c2d_tick(struct c2d *c, uint64_t now_us, int64_t utc_ms)
{
    for (size_t i = 0; i < C2D_FLIGHT_MAX; i++) {
        struct c2d_flight *flight = &c->flights[i];
        if (flight->sequence == 0 || flight->settle_us > now_us) {
            continue;
        }
        if (end_row(c, flight->sequence, C2D_SUCCESS, utc_ms) != OK) {
            flight->settle_us = time_after(now_us, LOOK_US);
            continue;
        }
        flight->sequence = 0;
        mark_due(c, bytes_of_text(flight->device_id));
    }
    if (now_us < c->look_us) {
        return;
    }
    c->look_us = time_after(now_us, LOOK_US);
    int64_t sequence = 0;
    for (int i = 0; i < EXPIRED_PER_LOOK; i++) {
        if (c2d_rows_expired(c->store, utc_ms, &sequence) != OK ||
            end_row(c, sequence, C2D_EXPIRED, utc_ms) != OK) {
            break;
        }
    }
    if (c2d_rows_trim_feedback(c->store, C2D_FEEDBACK_KEPT_MAX) != OK) {
        log_warn(MODULE, "trim", "%s", "");
    }
}

// The next of this device's. ERR_EMPTY: nothing that may go now. ERR_FULL, or of the store: later.
static enum err give(struct c2d *c, const struct session *session, int64_t utc_ms,
                     struct c2d_out *out)
{
    size_t unsettled = 0;
    int64_t after = 0; // those on their way are still in the queue
    for (size_t i = 0; i < C2D_FLIGHT_MAX; i++) {
        const struct c2d_flight *flight = &c->flights[i];
        if (flight->sequence != 0 && strcmp(flight->device_id, session->id) == 0) {
            unsettled++;
            if (flight->settle_us == TIME_NEVER && flight->sequence > after) {
                after = flight->sequence;
            }
        }
    }
    while (unsettled < C2D_UNSETTLED_MAX) {
        struct c2d_row row = {.properties = writer_of(c->bag, sizeof(c->bag)),
                              .payload = writer_of(c->payload, sizeof(c->payload))};
        enum err err = c2d_rows_next(c->store, bytes_of_text(session->id), after, &row);
        if (err != OK) {
            return err;
        }
        bool is_late = row.expires_ms <= utc_ms;
        if (is_late || row.deliveries >= (int64_t)c->deliveries_max) {
            err = end_row(c, row.sequence, is_late ? C2D_EXPIRED : C2D_DELIVERIES_EXCEEDED, utc_ms);
            if (err != OK) {
                return err;
            }
            continue;
        }
        struct c2d_flight *flight = add_flight(c, session, row.sequence, TIME_NEVER);
        if (flight == NULL) {
            return ERR_FULL;
        }
        flight->token = ++c->token;
        *out = (struct c2d_out){.device_id = bytes_of_text(session->id),
                                .connection = session->connection,
                                .token = flight->token,
                                .bag = writer_bytes(&row.properties),
                                .payload = writer_bytes(&row.payload)};
        return OK;
    }
    return ERR_EMPTY;
}

bool c2d_next(struct c2d *c, int64_t utc_ms, struct c2d_out *out)
{
    bool is_whole_round = c->position == 0;
    while (c->is_due_any) {
        size_t here = c->position;
        const struct session *found = sessions_next(c->sessions, &c->position);
        if (found == NULL) {
            c->position = 0;
            c->is_due_any = !is_whole_round; // a whole round saw nothing
            is_whole_round = true;
            continue;
        }
        struct session *session = &c->sessions->slots[found - c->sessions->slots];
        if (!session->is_c2d_due) {
            continue;
        }
        enum err err = give(c, session, utc_ms, out);
        if (err == ERR_EMPTY) {
            session->is_c2d_due = false;
            continue;
        }
        c->position = here; // there may be more, or room later
        return err == OK;
    }
    return false;
}

// Records to be sent to the senders, as Azure shapes them.
bool c2d_feedback(struct c2d *c, char *out, size_t capacity, size_t *size, int64_t *last,
                  struct verdict *why)
{
    static const char *const keys[] = {"originalMessageId", "statusCode", "description", "deviceId",
                                       "deviceGenerationId"};
    sqlite3_stmt *s = store_get(
        c->store, "SELECT sequence, enqueued_ms, message_id, status, description, device_id,"
                  " generation FROM feedback ORDER BY sequence LIMIT ?1");
    struct json_writer w;
    enum err err = OK;
    int64_t passed = 0;
    json_writer_init(&w, out, capacity);
    json_begin_array(&w);
    store_bind_number(s, 1, C2D_FEEDBACK_MAX);
    while ((err = store_row(c->store, s)) == OK) {
        char time[STORE_TIME_SIZE];
        passed = sqlite3_column_int64(s, 0);
        store_time(sqlite3_column_int64(s, 1), time);
        json_begin_object(&w);
        json_put_key_string(&w, "enqueuedTimeUtc", time);
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            json_put_key(&w, keys[i]);
            json_put_text(&w, store_span(s, 2 + (int)i));
        }
        json_end_object(&w);
    }
    json_end_array(&w);
    if (err != ERR_EMPTY) {
        return fail(why, err);
    }
    if (w.failed) {
        return refuse(why, HUB_SERVER_ERROR, "the feedback does not fit the answer");
    }
    *size = w.size;
    *last = passed;
    return grant(why);
}

bool c2d_feedback_done(struct c2d *c, int64_t last, struct verdict *why)
{
    sqlite3_stmt *s = store_get(c->store, "DELETE FROM feedback WHERE sequence<=?1");
    store_bind_number(s, 1, last);
    enum err err = store_run(c->store, s);
    return err == OK ? grant(why) : fail(why, err);
}
