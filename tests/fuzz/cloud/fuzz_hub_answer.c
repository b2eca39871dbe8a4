// SPDX-License-Identifier: Apache-2.0
// Any answer of a hub's service REST, and any body of a request about a gateway: taken, or refused
// in words; what is written for the page is JSON. The first byte says which.
#include "apps/cloud/api/twin_view.h"
#include "apps/cloud/hub_client/hub_call.h"
#include "base/assert.h"
#include "json/reader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_SIZE = 256 * 1024 };

static char out[OUT_SIZE];

static void check_json(const struct json_writer *w)
{
    struct json_reader r;
    json_reader_init(&r, json_writer_bytes(w), &(struct json_options){.depth_max = 40});
    ASSERT(w->failed || (json_skip(&r) && json_end(&r)));
}

static void read_twin(struct bytes text)
{
    struct json_writer w;
    json_writer_init(&w, out, sizeof(out));
    json_begin_object(&w);
    uint64_t version = 0;
    (void)!twin_desired_version(text, &version); // reads within its bounds
    if (twin_view_write(text, &w) == OK) {
        json_end_object(&w);
        check_json(&w);
    }
}

static void read_fleet(struct bytes text)
{
    struct json_writer w;
    json_writer_init(&w, out, sizeof(out));
    if (fleet_view_write(text, &w) == OK) {
        check_json(&w);
    }
}

static void read_method(struct bytes text)
{
    struct json_writer w;
    struct bytes payload = {.size = 0};
    int64_t status = 0;
    if (method_answer_read(text, &status, &payload) == OK) {
        json_writer_init(&w, out, sizeof(out));
        json_put_raw(&w, payload);
        check_json(&w);
    }
}

static void read_request(struct bytes text)
{
    struct twin_request asked;
    const char *why = NULL;
    const enum err err = twin_request_read(text, "patch", true, &asked, &why);
    ASSERT(err == OK || (err == ERR_ARG && strlen(why) > 0));
    ASSERT(err != OK || asked.object.size == 0 || asked.object.data[0] == '{');
}

static void read_refusal(struct bytes text)
{
    static struct hub_call call;
    const struct hub_reply reply = {
        .status = 404, .body = text, .error_code = "", .retry_after = ""};
    hub_call_read(&call, &reply);
    ASSERT(call.outcome == HUB_REFUSED && call.message[0] != '\0');
    ASSERT(memchr(call.code, '\0', sizeof(call.code)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct bytes) = {read_twin, read_fleet, read_method,
                                                    read_request, read_refusal};
    if (size > 0) {
        readers[data[0] % COUNT_OF(readers)](bytes_of(data + 1, size - 1));
    }
    return 0;
}
