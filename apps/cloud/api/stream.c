// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/stream.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/points.h"
#include "apps/cloud/api/reads.h"
#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void stream_event_id(const struct app *app, char *out, size_t capacity)
{
    snprintf(out, capacity, "%08" PRIx32 "-%" PRIu64, app->epoch, app->event_next - 1);
}

static void send_to_site(struct app *app, uint32_t site, struct bytes text)
{
    for (int i = 0; i < APP_STREAMS_MAX; i++) {
        if (app->streams[i].conn != NULL && app->streams[i].site == site) {
            (void)http_stream_send(app->streams[i].conn, text); // `gone` clears it on failure
        }
    }
}

// Numbers an event, keeps it for those who come back, and sends it.
static void emit(struct app *app, uint32_t site, const char *name, struct bytes data)
{
    struct ring_event *event = &app->ring[app->event_next % EVENT_RING];
    const int size =
        snprintf(event->text, sizeof(event->text),
                 "id: %08" PRIx32 "-%" PRIu64 "\nevent: %s\ndata: %.*s\n\n", app->epoch,
                 app->event_next, name, (int)data.size, (const char *)data.data);
    // Too long an event (a long text) is sent as a hint to fetch.
    event->size = size < (int)sizeof(event->text)
                      ? (uint16_t)size
                      : (uint16_t)snprintf(event->text, sizeof(event->text),
                                           "id: %08" PRIx32 "-%" PRIu64 "\nevent: reload\ndata: "
                                           "{}\n\n",
                                           app->epoch, app->event_next);
    event->site = site;
    app->event_next++;
    send_to_site(app, site, bytes_of(event->text, event->size));
}

static void emit_sample(struct app *app, const struct live_event *e, const char *reason_override)
{
    struct store *store = app->cfg.store;
    char data[EVENT_SIZE_MAX + TEXT_MAX];
    char text[TEXT_MAX] = "";
    struct json_writer w;
    const bool is_good = e->kind == LIVE_SAMPLE && reason_override == NULL;
    struct site_catalogue *catalogue = catalogues_take(app->cfg.catalogues, e->site);
    const struct tm_point *point = catalogue != NULL ? catalogue_point(catalogue, e->point) : NULL;
    const struct entry *entry = &e->latest.entry;
    if (is_good && entry_kind_of(entry) == ENTRY_TEXT &&
        store_query_text(&app->texts, entry->value, text, sizeof(text)) != OK) {
        text[0] = '\0';
    }
    json_writer_init(&w, data, sizeof(data));
    json_begin_object(&w);
    json_put_key_string(&w, "site", store->sites[e->site].device);
    json_put_key_u64(&w, "point", e->point);
    json_put_key_i64(&w, "at_ms", entry_at(entry));
    if (is_good) {
        json_put_key_i64(&w, "received_ms", e->latest.received_ms);
        put_value(&w, point, entry, true, text);
        json_put_key_string(&w, "quality", tm_quality_name(TM_GOOD));
        json_put_key_string(&w, "reason", "");
    } else {
        const enum tm_quality quality =
            reason_override != NULL ? TM_STALE : (enum tm_quality)entry_quality(entry);
        json_put_key_string(&w, "quality", tm_quality_name(quality));
        json_put_key_string(&w, "reason",
                            reason_override != NULL
                                ? reason_override
                                : tm_reason_name((enum tm_reason)entry->reason));
    }
    json_end_object(&w);
    catalogue_give(catalogue);
    const struct bytes bytes = json_writer_bytes(&w);
    if (bytes.size > 0) {
        emit(app, e->site, is_good ? "sample" : "quality", bytes);
    }
}

static void emit_site(struct app *app, uint32_t site)
{
    char data[EVENT_SIZE_MAX];
    struct json_writer w;
    struct site_catalogue *catalogue = catalogues_take(app->cfg.catalogues, site);
    if (catalogue != NULL) {
        latest_of_points(app->cfg.store, site, catalogue, app->loop_series, app->loop_latest);
    }
    json_writer_init(&w, data, sizeof(data));
    put_site(&w, app, site, catalogue, app->loop_latest, wall_now_ms());
    catalogue_give(catalogue);
    const struct bytes bytes = json_writer_bytes(&w);
    if (bytes.size > 0) {
        emit(app, site, "site", bytes);
    }
}

static void emit_catalogue(struct app *app, uint32_t site)
{
    char data[256];
    struct json_writer w;
    json_writer_init(&w, data, sizeof(data));
    json_begin_object(&w);
    json_put_key_string(&w, "site", app->cfg.store->sites[site].device);
    json_end_object(&w);
    emit(app, site, "catalogue", json_writer_bytes(&w));
}

bool stream_is_watched(const struct app *app, uint32_t site)
{
    for (int i = 0; i < APP_STREAMS_MAX; i++) {
        if (app->streams[i].conn != NULL && app->streams[i].site == site) {
            return true;
        }
    }
    return false;
}

static void reload_all(struct app *app)
{
    static const char text[] = "event: reload\ndata: {}\n\n";
    app->event_next += EVENT_RING; // nobody can resume from before this
    for (int i = 0; i < APP_STREAMS_MAX; i++) {
        if (app->streams[i].conn != NULL) {
            (void)http_stream_send(app->streams[i].conn, bytes_of(text, sizeof(text) - 1));
        }
    }
    for (int i = 0; i < EVENT_RING; i++) {
        app->ring[i].size = 0;
    }
}

static void take_live(struct app *app, const struct live_event *e)
{
    uint32_t series = 0;
    switch (e->kind) {
    case LIVE_SAMPLE:
    case LIVE_QUALITY:
        if (store_find_series(app->cfg.store, e->site, e->point, &series)) {
            app->overdue[series] = 0;
        }
        emit_sample(app, e, NULL);
        break;
    case LIVE_SITE: app->site_changed[e->site] = 1; break;
    case LIVE_CATALOGUE: emit_catalogue(app, e->site); break;
    }
}

void stream_live(struct app *app)
{
    struct live_event e;
    enum err err = OK;
    live_clear_wake(app->cfg.live);
    // One ring full per turn: the loop stays answerable.
    for (int i = 0; i < LIVE_EVENTS_MAX && err != ERR_EMPTY; i++) {
        err = live_next(app->cfg.live, &e);
        if (err == ERR_FULL) {
            reload_all(app);
        } else if (err == OK) {
            take_live(app, &e);
        }
    }
    if (err != ERR_EMPTY) {
        live_wake(app->cfg.live);
    }
}

// Points of a watched site that have become overdue by the clock here.
static void tell_overdue(struct app *app, uint32_t site, int64_t now_ms)
{
    struct store *store = app->cfg.store;
    struct site_catalogue *catalogue = catalogues_take(app->cfg.catalogues, site);
    if (catalogue == NULL) {
        return;
    }
    latest_of_points(store, site, catalogue, app->loop_series, app->loop_latest);
    for (uint32_t i = 0; i < catalogue->tm.point_count; i++) {
        const uint32_t series = app->loop_series[i];
        if (series == UINT32_MAX || entry_quality(&app->loop_latest[i].entry) != 0) {
            continue;
        }
        const struct judgement j = point_judge(&catalogue->tm.points[i], &app->loop_latest[i],
                                               app->cfg.overdue_ms, now_ms);
        if (j.quality == TM_STALE && app->overdue[series] == 0) {
            app->overdue[series] = 1;
            const struct live_event e = {.kind = LIVE_QUALITY,
                                         .site = site,
                                         .point = catalogue->tm.points[i].id,
                                         .latest = app->loop_latest[i]};
            emit_sample(app, &e, j.reason);
            app->site_changed[site] = 1;
        }
    }
    catalogue_give(catalogue);
}

void stream_tick(struct app *app)
{
    const int64_t now_ms = wall_now_ms();
    const uint32_t site_max = app->cfg.store->cfg.site_max;
    for (uint32_t site = 0; site < site_max; site++) {
        if (!stream_is_watched(app, site)) {
            app->site_changed[site] = 0;
            continue;
        }
        tell_overdue(app, site, now_ms);
        if (app->site_changed[site] != 0) {
            app->site_changed[site] = 0;
            emit_site(app, site);
        }
    }
    if (app->ticks % KEEP_ALIVE_TICKS != 0) {
        return;
    }
    for (int i = 0; i < APP_STREAMS_MAX; i++) {
        struct stream *stream = &app->streams[i];
        if (stream->conn == NULL) {
            continue;
        }
        const char *device = app->cfg.store->sites[stream->site].device;
        const struct session *session = sessions_by_serial(&app->sessions, stream->session, now_ms);
        if (session == NULL ||
            !access_allows(&session->access, CAN_SEE, bytes_of(device, strlen(device)), now_ms)) {
            http_close(stream->conn);
        } else {
            (void)http_stream_send(stream->conn, bytes_of(": here\n\n", 8));
        }
    }
}

static size_t missed_size(const struct app *app, uint32_t site, uint64_t last)
{
    size_t size = 0;
    for (uint64_t k = last + 1; k < app->event_next; k++) {
        const struct ring_event *event = &app->ring[k % EVENT_RING];
        size += event->site == site ? event->size : 0;
    }
    return size;
}

// Sends what came after `last_id`, or tells to reload: also when it is so much that the stream
// would be dropped for it, and again whenever the page comes back.
static bool resume(struct app *app, struct http_conn *conn, uint32_t site, struct bytes last_id)
{
    static const char reload[] = "event: reload\ndata: {}\n\n";
    char epoch[12];
    uint64_t last = 0;
    const int epoch_size = snprintf(epoch, sizeof(epoch), "%08" PRIx32 "-", app->epoch);
    const bool is_ours =
        last_id.size > (size_t)epoch_size && memcmp(last_id.data, epoch, (size_t)epoch_size) == 0 &&
        decimal_of(bytes_of(last_id.data + epoch_size, last_id.size - (size_t)epoch_size),
                   UINT64_MAX, &last);
    if (!is_ours || last >= app->event_next || app->event_next - last > EVENT_RING ||
        missed_size(app, site, last) > HTTP_STREAM_PENDING_MAX / 2) {
        return http_stream_send(conn, bytes_of(reload, sizeof(reload) - 1));
    }
    for (uint64_t k = last + 1; k < app->event_next; k++) {
        const struct ring_event *event = &app->ring[k % EVENT_RING];
        if (event->site == site && event->size > 0 &&
            !http_stream_send(conn, bytes_of(event->text, event->size))) {
            return false;
        }
    }
    return true;
}

void stream_open(struct app *app, struct http_conn *conn, uint32_t site, struct bytes last_id,
                 const struct session *session)
{
    struct stream *stream = NULL;
    unsigned open = 0;
    unsigned of_session = 0;
    for (int i = 0; i < APP_STREAMS_MAX; i++) {
        struct stream *s = &app->streams[i];
        stream = s->conn == NULL && stream == NULL ? s : stream;
        open += s->conn != NULL ? 1 : 0;
        of_session += s->conn != NULL && s->session == session->serial ? 1 : 0;
    }
    if (of_session >= APP_SESSION_STREAMS_MAX) {
        answer_busy(conn, 429, 5, "too many streams of this session are open");
        return;
    }
    if (stream == NULL || open >= app->cfg.stream_max) {
        answer_busy(conn, 503, 5, "too many streams are open");
        return;
    }
    *stream = (struct stream){.conn = conn, .site = site, .session = session->serial};
    http_begin_stream(conn, "text/event-stream");
    static const char hello[] = "retry: 2000\n: here\n\n";
    if (http_stream_send(conn, bytes_of(hello, sizeof(hello) - 1)) && last_id.size > 0) {
        (void)resume(app, conn, site, last_id);
    }
}

void stream_session_over(struct app *app, uint64_t session)
{
    for (int i = 0; i < APP_STREAMS_MAX; i++) {
        if (app->streams[i].conn != NULL && app->streams[i].session == session) {
            http_close(app->streams[i].conn); // `gone` clears it
        }
    }
}

void stream_gone(struct app *app, const struct http_conn *conn)
{
    for (int i = 0; i < APP_STREAMS_MAX; i++) {
        if (app->streams[i].conn == conn) {
            app->streams[i].conn = NULL;
        }
    }
}
