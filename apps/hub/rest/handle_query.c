// SPDX-License-Identifier: Apache-2.0
// POST /devices/query: devices are looked at a slice at a time, so that neither a large fleet nor a
// slow query holds anybody else up.
#include "apps/hub/rest/answer.h"
#include "apps/hub/rest/handlers.h"
#include "base/assert.h"
#include "base/crc.h"
#include "port/api/clock.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

// At the loop's next round, so that others get their turn in between.
static void run_soon(struct rest *rest)
{
    const struct timeval now = {0};
    (void)event_add(rest->scan_event, &now);
}

static struct rest_scan *free_scan(struct rest *rest)
{
    for (size_t i = 0; i < REST_SCANS_MAX; i++) {
        if (rest->scans[i].conn == NULL) {
            return &rest->scans[i];
        }
    }
    return NULL;
}

static bool read_query(const struct rest_request *q, char *text, size_t capacity, size_t *size,
                       struct verdict *why)
{
    struct json_reader r;
    struct json_text key;
    *size = 0;
    json_reader_init(&r, q->body, NULL);
    const bool is_object = json_enter_object(&r);
    while (is_object && json_next_key(&r, &key)) {
        if (json_text_is(&key, "query")) {
            json_get_string(&r, text, capacity, size);
        } else {
            json_skip(&r);
        }
    }
    (void)json_end(&r);
    return body_is_good(&r, why) &&
           (*size > 0 || refuse(why, HUB_ARGUMENT_INVALID, "query is missing"));
}

static bool begin(struct rest_scan *scan, const struct rest_request *q, struct verdict *why)
{
    char text[QUERY_SIZE_MAX + 1];
    char words[QUERY_WHY_SIZE];
    size_t size = 0;
    scan->found = 0;
    scan->count = 0;
    scan->items_size = 0;
    if (!read_query(q, text, sizeof(text), &size, why)) {
        return false;
    }
    if (query_parse(bytes_of(text, size), &scan->query, words) != OK) {
        return refuse(why, HUB_ARGUMENT_INVALID, "%s", words);
    }
    scan->text_hash = crc32c(0, bytes_of(text, size));
    return page_size(q->http, &scan->page_max, why) &&
           continuation_take(q->http, scan->text_hash, scan->after, why);
}

void query_post(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    struct rest_scan *scan = free_scan(rest);
    if (scan == NULL) {
        (void)refuse(&why, HUB_THROTTLED, "%d queries are under way already", REST_SCANS_MAX);
        answer_refusal(q->conn, ANSWER_HUB, &why);
    } else if (!begin(scan, q, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
    } else {
        scan->conn = q->conn;
        run_soon(rest);
    }
}

// What the query may ask about, out of a twin as a service reads it.
static void take_properties(struct json_reader *r, struct query_row *row)
{
    struct json_text key;
    const bool is_object = json_enter_object(r);
    while (is_object && json_next_key(r, &key)) {
        if (json_text_is(&key, "desired")) {
            json_raw(r, &row->desired);
        } else if (json_text_is(&key, "reported")) {
            json_raw(r, &row->reported);
        } else {
            json_skip(r);
        }
    }
}

static void take_row(struct bytes twin, const struct device *device, char *store,
                     struct query_row *row)
{
    struct json_reader r;
    struct json_text key;
    *row = (struct query_row){.device_id = bytes_of(device->id, strlen(device->id))};
    const struct {
        const char *name;
        struct bytes *out;
    } texts[] = {{"etag", &row->etag},
                 {"status", &row->status},
                 {"statusReason", &row->status_reason},
                 {"connectionState", &row->connection_state},
                 {"lastActivityTime", &row->last_activity},
                 {"authenticationType", &row->authentication_type}};
    json_reader_init(&r, twin, &(struct json_options){.depth_max = JSON_DEPTH_MAX});
    const bool is_object = json_enter_object(&r);
    while (is_object && json_next_key(&r, &key)) {
        bool is_taken = false;
        for (size_t i = 0; i < COUNT_OF(texts) && !is_taken; i++) {
            size_t size = 0;
            is_taken = json_text_is(&key, texts[i].name) && json_peek(&r) == JSON_STRING;
            if (is_taken && json_get_string(&r, store, REGISTRY_REASON_SIZE, &size)) {
                *texts[i].out = bytes_of(store, size);
                store += size + 1;
            }
        }
        if (is_taken) {
            continue;
        }
        if (json_text_is(&key, "version")) {
            json_get_u64(&r, 0, UINT64_MAX, &row->version);
        } else if (json_text_is(&key, "tags")) {
            json_raw(&r, &row->tags);
        } else if (json_text_is(&key, "properties")) {
            take_properties(&r, row);
        } else {
            json_skip(&r);
        }
    }
}

static void finish(struct rest *rest, struct rest_scan *scan, bool is_end)
{
    char header[2 * ID_SIZE + 64] = "";
    struct json_writer w;
    struct http_conn *conn = scan->conn;
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    json_begin_array(&w);
    if (scan->query.select == QUERY_COUNT) {
        json_begin_object(&w);
        json_put_key_u64(&w, scan->query.count_name[0] != '\0' ? scan->query.count_name : "$1",
                         scan->count);
        json_end_object(&w);
    }
    json_end_array(&w);
    size_t size = w.size;
    if (scan->items_size > 0) { // each of them with a comma before it
        memcpy(rest->out + 1, scan->items + 1, scan->items_size - 1);
        rest->out[scan->items_size] = ']';
        size = scan->items_size + 1;
    }
    if (!is_end) {
        continuation_header(scan->after, scan->text_hash, header, sizeof(header));
    }
    const size_t used = strlen(header);
    snprintf(header + used, sizeof(header) - used, "x-ms-item-type: %s\r\n",
             scan->query.select == QUERY_COUNT ? "raw" : "twin");
    scan->conn = NULL;
    struct wall_time wall = {0};
    (void)port_wall_time(&wall); // it was set when the query came
    metered_charge(rest->cfg.quota, wall.utc_ms, size);
    answer_json(conn, 200, bytes_of(rest->out, size), header);
}

// Takes the device to the page if it is of it; false with words for a failure of the store. *work
// grows by what that cost.
static bool look_at(struct rest *rest, struct rest_scan *scan, const struct device *device,
                    size_t *work, struct verdict *why)
{
    char store[6 * REGISTRY_REASON_SIZE];
    struct query_row row;
    struct json_writer w;
    // The page has room for this twin, whatever its size: it would be over by now else.
    json_writer_init(&w, scan->items + scan->items_size + 1, TWINS_SERVICE_SIZE_MAX - 1);
    const struct bytes id = bytes_of(device->id, strlen(device->id));
    if (!twins_read(rest->cfg.twins, id, &w, why)) {
        return why->code == HUB_DEVICE_NOT_FOUND;
    }
    *work += w.size * scan->query.node_count;
    take_row(json_writer_bytes(&w), device, store, &row);
    if (!query_matches(&scan->query, &row)) {
        return true;
    }
    scan->count++;
    if (scan->query.select == QUERY_DEVICES) {
        scan->items[scan->items_size] = ',';
        scan->items_size += 1 + w.size;
        scan->found++;
    }
    return true;
}

static void run(struct rest *rest, struct rest_scan *scan)
{
    static struct device devices[REST_SCAN_SLICE];
    struct verdict why;
    size_t count = 0;
    bool is_good = registry_list(rest->cfg.store, bytes_of(scan->after, strlen(scan->after)),
                                 devices, REST_SCAN_SLICE, &count, &why);
    size_t looked = 0;
    size_t work = 0;
    for (; is_good && looked < count && work < REST_SCAN_WORK; looked++) {
        if (scan->found >= scan->page_max || scan->items_size >= REST_PAGE_BYTES) {
            finish(rest, scan, false);
            return;
        }
        is_good = look_at(rest, scan, &devices[looked], &work, &why);
        memcpy(scan->after, devices[looked].id, sizeof(scan->after));
    }
    if (!is_good) {
        struct http_conn *conn = scan->conn;
        scan->conn = NULL;
        answer_refusal(conn, ANSWER_HUB, &why);
    } else if (looked == count && count < REST_SCAN_SLICE) {
        finish(rest, scan, true);
    }
}

void query_slice(struct rest *rest)
{
    bool is_more = false;
    rest->slice_count++;
    for (size_t i = 0; i < REST_SCANS_MAX; i++) {
        if (rest->scans[i].conn != NULL) {
            run(rest, &rest->scans[i]);
            is_more = is_more || rest->scans[i].conn != NULL;
        }
    }
    if (is_more) {
        run_soon(rest);
    }
}
