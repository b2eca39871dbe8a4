// SPDX-License-Identifier: Apache-2.0
// Any bytes as a request to the service REST: routed and judged (with a wrong key nothing may
// pass), its headers read as a message's to a device, and its body as a device, a bulk and an
// enrolment. What was read is written again as JSON.
#include "apps/hub/rest/c2d_headers.h"
#include "apps/hub/rest/device_json.h"
#include "apps/hub/rest/enrolment_json.h"
#include "apps/hub/rest/judge.h"
#include "apps/hub/rest/route.h"
#include "base/assert.h"

#include <string.h>

enum { TEXT_SIZE = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char text[TEXT_SIZE];

static void check_written(struct json_writer *w)
{
    struct json_reader r;
    const struct bytes json = json_writer_bytes(w);
    json_reader_init(&r, json, &(struct json_options){.depth_max = JSON_DEPTH_MAX});
    ASSERT(json.size > 0 && json_skip(&r) && json_end(&r));
}

static void read_bodies(struct bytes body)
{
    static struct enrolment enrolment;
    struct device_entry entry;
    struct enrolment_given given;
    struct json_reader r;
    struct json_writer w;
    json_reader_init(&r, body, NULL);
    device_from_json(&r, &entry);
    ASSERT(entry.device.keys[0].size <= HUB_KEY_SIZE_MAX);
    json_writer_init(&w, text, sizeof(text));
    device_to_json(&w, &entry.device);
    check_written(&w);
    for (int is_group = 0; is_group < 2; is_group++) {
        json_reader_init(&r, body, NULL);
        enrolment_from_json(&r, is_group == 1, &enrolment, &given);
        json_writer_init(&w, text, sizeof(text));
        if (r.error.code == JSON_OK) {
            enrolment_to_json(&w, &enrolment, NULL);
            check_written(&w);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct judge_policy policy = {.keys = {{.bytes = {42}, .size = 32}},
                                               .rights = ~0U};
    static struct c2d_headers headers;
    struct http_request request;
    struct routed routed;
    struct hub_sas sas;
    struct verdict why;
    size_t head = 0;
    while (head < size && (head < 4 || memcmp(data + head - 4, "\r\n\r\n", 4) != 0)) {
        head++;
    }
    read_bodies(bytes_of(data + head, size - head));
    if (http_parse(bytes_of(data, head), HTTP_BODY_SIZE_DEFAULT, &request) != 0) {
        return 0;
    }
    route_request(&request, &routed);
    ASSERT(routed.route == ROUTE_NONE || (routed.right != 0 && routed.is_known));
    (void)route_version_fault(&request);
    if (judge_parse(http_header(&request, "authorization"), &sas) == NULL) {
        ASSERT(judge_request(&sas, &policy, "hub.test", &request, 1, 1) != NULL);
    }
    if (c2d_headers_read(&request, &headers, &why)) {
        ASSERT(headers.bag_size <= sizeof(headers.bag));
        // Nothing of a request's can become a second property or another topic.
        ASSERT(memchr(headers.bag, '/', headers.bag_size) == NULL &&
               memchr(headers.bag, '#', headers.bag_size) == NULL &&
               memchr(headers.bag, '+', headers.bag_size) == NULL);
    }
    return 0;
}
