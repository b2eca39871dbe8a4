// SPDX-License-Identifier: Apache-2.0
// The registry: one device, the list, and up to a hundred at once.
#include "apps/hub/rest/answer.h"
#include "apps/hub/rest/device_json.h"
#include "apps/hub/rest/handlers.h"

#include <stdio.h>
#include <string.h>

enum { LIST_BATCH = 32 };

static void answer_device(struct rest *rest, const struct rest_request *q,
                          const struct device *device)
{
    char etag[REST_ETAG_SIZE];
    struct json_writer w;
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    device_to_json(&w, device);
    answer_etag(device->etag, etag, sizeof(etag));
    answer_json(q->conn, 200, json_writer_bytes(&w), etag);
}

static bool read_put(const struct rest_request *q, struct device_entry *entry, struct verdict *why)
{
    struct json_reader r;
    json_reader_init(&r, q->body, NULL);
    device_from_json(&r, entry);
    (void)json_end(&r);
    if (!body_is_good(&r, why)) {
        return false;
    }
    if (!bytes_equal(bytes_of(entry->device.id, strlen(entry->device.id)), q->routed.id)) {
        return refuse(why, HUB_ARGUMENT_INVALID,
                      "deviceId of the body must be the one of the path");
    }
    return true;
}

void devices_put(struct rest *rest, const struct rest_request *q)
{
    struct device_entry entry;
    struct verdict why;
    bool is_good = read_put(q, &entry, &why);
    if (is_good) {
        is_good =
            q->if_match == NULL
                ? registry_create(rest->cfg.store, &entry.device, q->utc_ms, &why)
                : registry_update(rest->cfg.store, &entry.device, q->if_match, q->utc_ms, &why);
    }
    if (is_good) {
        answer_device(rest, q, &entry.device);
    } else {
        answer_refusal(q->conn, ANSWER_HUB, &why);
    }
    memset(&entry, 0, sizeof(entry));
}

void devices_get(struct rest *rest, const struct rest_request *q)
{
    struct device device;
    struct verdict why;
    if (registry_read(rest->cfg.store, q->routed.id, &device, &why)) {
        answer_device(rest, q, &device);
    } else {
        answer_refusal(q->conn, ANSWER_HUB, &why);
    }
}

void devices_delete(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    const bool is_good =
        registry_delete(rest->cfg.store, q->routed.id, q->if_match, q->utc_ms, &why);
    if (is_good) {
        answer_empty(q->conn, 204);
    } else {
        answer_refusal(q->conn, ANSWER_HUB, &why);
    }
}

void devices_list(struct rest *rest, const struct rest_request *q)
{
    static struct device devices[LIST_BATCH];
    char after[ID_SIZE] = "";
    struct verdict why;
    struct json_writer w;
    uint64_t left = REST_PAGE_MAX;
    size_t count = LIST_BATCH;
    if (http_has_query(q->http, "top") &&
        (!http_query_number(q->http, "top", REST_PAGE_MAX, &left) || left == 0)) {
        (void)refuse(&why, HUB_ARGUMENT_INVALID, "top is 1 to %d", REST_PAGE_MAX);
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    json_begin_array(&w);
    while (left > 0 && count == LIST_BATCH) {
        if (!registry_list(rest->cfg.store, bytes_of(after, strlen(after)), devices, LIST_BATCH,
                           &count, &why)) {
            answer_refusal(q->conn, ANSWER_HUB, &why);
            return;
        }
        for (size_t i = 0; i < count && left > 0; i++, left--) {
            device_to_json(&w, &devices[i]);
        }
        snprintf(after, sizeof(after), "%s", count > 0 ? devices[count - 1].id : "");
    }
    json_end_array(&w);
    memset(devices, 0, sizeof(devices));
    answer_json(q->conn, 200, json_writer_bytes(&w), NULL);
}

// One entry of a bulk; the enclosing transaction makes all of them durable at once.
static bool run_entry(struct rest *rest, struct device_entry *e, int64_t utc_ms,
                      struct verdict *why)
{
    struct store *store = rest->cfg.store;
    const char *if_match = e->if_match ? e->etag : "*";
    const struct bytes id = bytes_of(e->device.id, strlen(e->device.id));
    if (e->if_match && e->etag[0] == '\0') {
        return refuse(why, HUB_PRECONDITION_FAILED, "this importMode needs the device's etag");
    }
    switch (e->mode) {
    case DEVICE_CREATE: return registry_create(store, &e->device, utc_ms, why);
    case DEVICE_UPDATE: return registry_update(store, &e->device, if_match, utc_ms, why);
    case DEVICE_DELETE: return registry_delete(store, id, if_match, utc_ms, why);
    case DEVICE_CREATE_OR_UPDATE:
        if (registry_update(store, &e->device, if_match, utc_ms, why)) {
            return true;
        }
        return why->code == HUB_DEVICE_NOT_FOUND && registry_create(store, &e->device, utc_ms, why);
    case DEVICE_MODE_UNKNOWN: break;
    }
    return refuse(why, HUB_ARGUMENT_INVALID, "importMode is missing");
}

// The whole body is read before anything is done.
static bool check_bulk(const struct rest_request *q, struct verdict *why)
{
    struct device_entry entry;
    struct json_reader r;
    unsigned count = 0;
    json_reader_init(&r, q->body, NULL);
    if (json_enter_array(&r)) {
        for (; json_next_item(&r); count++) {
            device_from_json(&r, &entry);
        }
    }
    (void)json_end(&r);
    memset(&entry, 0, sizeof(entry));
    if (!body_is_good(&r, why)) {
        return false;
    }
    return (count >= 1 && count <= REST_BULK_MAX) ||
           refuse(why, HUB_ARGUMENT_INVALID, "%u devices at once, 1 to %d may be", count,
                  REST_BULK_MAX);
}

static void put_error(struct json_writer *w, const struct device *device, const struct verdict *why)
{
    json_begin_object(w);
    json_put_key_string(w, "deviceId", device->id);
    json_put_key_string(w, "errorCode", hub_code_name(why->code));
    json_put_key_string(w, "errorStatus", why->message);
    json_end_object(w);
}

void devices_bulk(struct rest *rest, const struct rest_request *q)
{
    struct device_entry entry;
    struct verdict why;
    struct json_reader r;
    struct json_writer errors;
    struct json_writer w;
    bool all_good = true;
    if (!check_bulk(q, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    enum err err = store_begin(rest->cfg.store);
    json_writer_init(&errors, rest->out, REST_OUT_SIZE / 2);
    json_begin_array(&errors);
    json_reader_init(&r, q->body, NULL);
    (void)json_enter_array(&r);
    while (err == OK && json_next_item(&r)) {
        device_from_json(&r, &entry);
        if (!run_entry(rest, &entry, q->utc_ms, &why)) {
            all_good = false;
            put_error(&errors, &entry.device, &why);
        }
    }
    json_end_array(&errors);
    memset(&entry, 0, sizeof(entry));
    err = err == OK ? store_end(rest->cfg.store, true) : err;
    if (err != OK) {
        (void)fail(&why, err);
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    json_writer_init(&w, rest->out + REST_OUT_SIZE / 2, REST_OUT_SIZE / 2);
    json_begin_object(&w);
    json_put_key_bool(&w, "isSuccessful", all_good);
    json_put_key(&w, "errors");
    json_put_raw(&w, json_writer_bytes(&errors));
    json_put_key(&w, "warnings");
    json_begin_array(&w);
    json_end_array(&w);
    json_end_object(&w);
    answer_json(q->conn, all_good ? 200 : 400, json_writer_bytes(&w), NULL);
}

void statistics_devices(struct rest *rest, const struct rest_request *q)
{
    struct registry_counts counts;
    struct verdict why;
    struct json_writer w;
    if (!registry_count(rest->cfg.store, &counts, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    json_begin_object(&w);
    json_put_key_u64(&w, "totalDeviceCount", counts.total);
    json_put_key_u64(&w, "enabledDeviceCount", counts.enabled);
    json_put_key_u64(&w, "disabledDeviceCount", counts.disabled);
    json_end_object(&w);
    answer_json(q->conn, 200, json_writer_bytes(&w), NULL);
}

void statistics_service(struct rest *rest, const struct rest_request *q)
{
    struct registry_counts counts;
    struct verdict why;
    struct json_writer w;
    if (!registry_count(rest->cfg.store, &counts, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    json_begin_object(&w);
    json_put_key_u64(&w, "connectedDeviceCount", counts.connected);
    json_end_object(&w);
    answer_json(q->conn, 200, json_writer_bytes(&w), NULL);
}
