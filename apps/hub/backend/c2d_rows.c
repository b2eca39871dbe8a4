// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/c2d_rows.h"

static const struct {
    const char *name;
    const char *description;
    int asked; // the ack bits that want to hear of it: 1 positive, 2 negative
} ends[] = {
    [C2D_SUCCESS] = {"Success", "Success", 1},
    [C2D_EXPIRED] = {"Expired", "Message expired", 2},
    [C2D_DELIVERIES_EXCEEDED] = {"DeliveryCountExceeded", "Delivery count exceeded", 2},
    [C2D_PURGED] = {"Purged", "Message purged", 2},
};

const char *c2d_end_name(enum c2d_end how)
{
    return ends[how].name;
}

#define FEEDBACK                                                                                   \
    "INSERT INTO feedback(device_id, generation, message_id, status, description, enqueued_ms,"    \
    " created_ms) SELECT c2d.device_id, device.generation, message_id, ?2, ?3, enqueued_ms, ?4"    \
    " FROM c2d JOIN device ON device.id=c2d.device_id WHERE c2d.ack & ?5 AND "

static void bind_end(sqlite3_stmt *s, enum c2d_end how, int64_t utc_ms)
{
    store_bind_text(s, 2, ends[how].name);
    store_bind_text(s, 3, ends[how].description);
    store_bind_number(s, 4, utc_ms);
    store_bind_number(s, 5, ends[how].asked);
}

enum err c2d_rows_end(struct store *store, int64_t sequence, enum c2d_end how, int64_t utc_ms)
{
    sqlite3_stmt *s = store_get(store, FEEDBACK "sequence=?1");
    store_bind_number(s, 1, sequence);
    bind_end(s, how, utc_ms);
    enum err err = store_run(store, s);
    s = store_get(store, "DELETE FROM c2d WHERE sequence=?1");
    store_bind_number(s, 1, sequence);
    return err == OK ? store_run(store, s) : err;
}

enum err c2d_rows_end_all(struct store *store, struct bytes device_id, enum c2d_end how,
                          int64_t utc_ms, uint32_t *count)
{
    sqlite3_stmt *s = store_get(store, FEEDBACK "c2d.device_id=?1 ORDER BY sequence");
    store_bind_span(s, 1, device_id);
    bind_end(s, how, utc_ms);
    enum err err = store_run(store, s);
    s = store_get(store, "DELETE FROM c2d WHERE device_id=?1");
    store_bind_span(s, 1, device_id);
    err = err == OK ? store_run(store, s) : err;
    if (err == OK && count != NULL) {
        *count = (uint32_t)store_changed(store);
    }
    return err;
}

enum err c2d_rows_next(struct store *store, struct bytes device_id, int64_t after,
                       struct c2d_row *out)
{
    sqlite3_stmt *s = store_get(
        store, "SELECT sequence, properties, payload, expires_ms, deliveries FROM c2d"
               " WHERE device_id=?1 AND sequence>?2 AND state=0 ORDER BY sequence LIMIT 1");
    store_bind_span(s, 1, device_id);
    store_bind_number(s, 2, after);
    enum err err = store_row(store, s);
    if (err != OK) {
        return err;
    }
    out->sequence = sqlite3_column_int64(s, 0);
    put_bytes(&out->properties, store_span(s, 1));
    put_bytes(&out->payload, store_span(s, 2));
    out->expires_ms = sqlite3_column_int64(s, 3);
    out->deliveries = sqlite3_column_int64(s, 4);
    sqlite3_reset(s);
    return out->properties.failed || out->payload.failed ? ERR_CORRUPT : OK;
}

enum err c2d_rows_lock(struct store *store, int64_t sequence, const char *boot, int64_t utc_ms)
{
    sqlite3_stmt *s = store_get(store, "UPDATE c2d SET state=1, boot=?2, locked_ms=?3,"
                                       " deliveries=deliveries+1 WHERE sequence=?1");
    store_bind_number(s, 1, sequence);
    store_bind_text(s, 2, boot);
    store_bind_number(s, 3, utc_ms);
    return store_run(store, s);
}

enum err c2d_rows_expired(struct store *store, int64_t utc_ms, int64_t *sequence)
{
    sqlite3_stmt *s = store_get(store, "SELECT sequence FROM c2d WHERE expires_ms<=?1 AND state=0"
                                       " ORDER BY expires_ms LIMIT 1");
    store_bind_number(s, 1, utc_ms);
    enum err err = store_row(store, s);
    if (err == OK) {
        *sequence = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
    }
    return err;
}

enum err c2d_rows_unlock_other(struct store *store, const char *boot)
{
    sqlite3_stmt *s = store_get(store, "UPDATE c2d SET state=0, boot=NULL WHERE state=1"
                                       " AND boot IS NOT ?1");
    store_bind_text(s, 1, boot);
    return store_run(store, s);
}

enum err c2d_rows_locked(struct store *store, struct bytes device_id, int64_t after,
                         int64_t *sequence)
{
    sqlite3_stmt *s = store_get(store, "SELECT sequence FROM c2d WHERE device_id=?1 AND state=1"
                                       " AND sequence>?2 ORDER BY sequence LIMIT 1");
    store_bind_span(s, 1, device_id);
    store_bind_number(s, 2, after);
    enum err err = store_row(store, s);
    if (err == OK) {
        *sequence = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
    }
    return err;
}

enum err c2d_rows_note_clean(struct store *store, struct bytes device_id, const char *connection,
                             bool *is_new)
{
    sqlite3_stmt *s = store_get(
        store, "UPDATE device SET clean_connection=?2 WHERE id=?1 AND clean_connection IS NOT ?2");
    store_bind_span(s, 1, device_id);
    store_bind_text(s, 2, connection);
    enum err err = store_run(store, s);
    *is_new = err == OK && store_changed(store) > 0;
    return err;
}

enum err c2d_rows_count(struct store *store, struct bytes device_id, uint32_t *count)
{
    sqlite3_stmt *s = store_get(store, "SELECT count(*) FROM c2d WHERE device_id=?1");
    store_bind_span(s, 1, device_id);
    enum err err = store_row(store, s);
    if (err == OK) {
        *count = (uint32_t)sqlite3_column_int(s, 0);
        sqlite3_reset(s);
    }
    return err;
}

enum err c2d_rows_trim_feedback(struct store *store, uint32_t kept_max)
{
    sqlite3_stmt *s = store_get(store, "DELETE FROM feedback WHERE sequence <="
                                       " (SELECT max(sequence) FROM feedback) - ?1");
    store_bind_number(s, 1, kept_max);
    return store_run(store, s);
}
