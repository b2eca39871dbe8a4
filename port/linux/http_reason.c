// SPDX-License-Identifier: Apache-2.0
#include "port/linux/http_reason.h"

#include "base/assert.h"

#include <stdio.h>

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}

size_t http_plain_error(int status, const char *words, char *out, size_t capacity)
{
    const int size = snprintf(out, capacity, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}",
                              status == 503   ? "busy"
                              : status == 413 ? "too_large"
                                              : "bad_request",
                              words);
    ASSERT(size > 0 && (size_t)size < capacity);
    return (size_t)size;
}
