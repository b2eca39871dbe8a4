// SPDX-License-Identifier: Apache-2.0
// What each route does. A handler answers, now or (methods, queries) later.
#ifndef HUB_REST_HANDLERS_H
#define HUB_REST_HANDLERS_H

#include "apps/hub/rest/rest.h"
#include "apps/hub/rest/route.h"
#include "json/writer.h"

struct rest_request {
    struct http_conn *conn;
    const struct http_request *http;
    struct routed routed;
    struct bytes body;
    const char *if_match; // NULL: none
    uint64_t now_us;
    int64_t utc_ms;
};

typedef void rest_handler(struct rest *rest, const struct rest_request *q);

rest_handler devices_put, devices_get, devices_delete, devices_list, devices_bulk;
rest_handler statistics_devices, statistics_service;
rest_handler twin_get, twin_patch, twin_put;
rest_handler method_call;
rest_handler c2d_post, c2d_delete, feedback_get, feedback_done;
rest_handler query_post;
rest_handler enrolment_put, enrolment_get, enrolment_delete, enrolment_secret, enrolments_bulk;
rest_handler enrolments_query;
rest_handler registration_get, registration_delete, registrations_query;

// The query runs on in slices: some turns of the loop until the page is full.
void query_slice(struct rest *rest);

// Names of a JSON body that a handler knows, and what it says when it is wrong.
bool body_is_good(const struct json_reader *r, struct verdict *why);
// A string that may be null or absent: then out stays as it is.
void body_text(struct json_reader *r, char *out, size_t capacity);
// The number of x-ms-max-item-count; false with words.
bool page_size(const struct http_request *http, uint32_t *out, struct verdict *why);
// Continuations name what they go on from: of the query with that hash.
void continuation_header(const char *after, uint32_t hash, char *out, size_t capacity);
bool continuation_take(const struct http_request *http, uint32_t hash, char after[ID_SIZE],
                       struct verdict *why);

#endif
