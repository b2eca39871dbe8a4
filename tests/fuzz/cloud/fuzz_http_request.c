// SPDX-License-Identifier: Apache-2.0
// Any bytes as the head of a request: parsed, routed and its parameters read without harm, and what
// is accepted keeps its promises.
#include "apps/cloud/api/routes.h"
#include "base/assert.h"
#include "port/linux/http_origin.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request request;
    struct routed routed;
    char value[32];
    const int status = http_parse(bytes_of(data, size), HTTP_BODY_SIZE_DEFAULT, &request);
    if (status != 0) {
        ASSERT(status >= 400 && status < 600);
        return 0;
    }
    ASSERT(request.content_length <= HTTP_BODY_SIZE_DEFAULT);
    ASSERT(request.segment_count <= HTTP_SEGMENTS_MAX);
    for (unsigned i = 0; i < request.segment_count; i++) {
        const struct bytes s = request.segments[i];
        ASSERT(s.size > 0 && !(s.data[0] == '.' && s.size == 1));
        for (size_t k = 0; k < s.size; k++) {
            ASSERT(s.data[k] != '/' && s.data[k] >= 0x20);
        }
    }
    struct bytes header;
    for (unsigned i = 0; http_header_at(&request, i, &header, &header); i++) {
        ASSERT(i < HTTP_HEAD_SIZE_MAX);
    }
    char origin[HTTP_ADDRESS_SIZE];
    char again[HTTP_ADDRESS_SIZE];
    if (http_forwarded_for(&request, origin)) {
        ASSERT(http_address_plain(origin, again) && strcmp(origin, again) == 0);
    } else {
        ASSERT(origin[0] == '\0');
    }
    (void)http_cookie(&request, "busward_session");
    route_request(&request, &routed);
    ASSERT(routed.status == 0 || routed.status == 400 || routed.status == 405);
    if (routed.route == ROUTE_SERIES && routed.status == 0) {
        ASSERT(routed.to_ms > routed.from_ms && routed.count >= 1 && routed.point >= 1);
    }
    (void)http_query(&request, "site", value, sizeof(value));
    return 0;
}
