// SPDX-License-Identifier: Apache-2.0
// Boundary: what a proxy answers, and what a configuration calls one. The first byte chooses kind
// and login, or that the rest is an address and a login.
#include "base/assert.h"
#include "port/linux/proxy.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
    char text[512];
    struct proxy proxy = {.port = 0};
    size = size < sizeof(text) ? size : sizeof(text) - 1;
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = 0;
    if (proxy_parse(text, &proxy) == OK) {
        ASSERT(proxy.host[0] != 0 && proxy.port != 0 && strchr(proxy.host, '@') == NULL);
    }
    if (proxy_parse_login(bytes_of(data, size), &proxy) == OK) {
        ASSERT(proxy.user[0] != 0 && strchr(proxy.user, ':') == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proxy_talk talk;
    if (size == 0 || (data[0] & 4) != 0) {
        parse(data + (size > 0), size - (size > 0));
        return 0;
    }
    struct proxy proxy = {.kind = data[0] & 1 ? PROXY_SOCKS5 : PROXY_HTTP, .port = 1};
    snprintf(proxy.user, sizeof(proxy.user), "%s", data[0] & 2 ? "user" : "");
    proxy_begin(&talk, &proxy, data[0] & 8 ? "::1" : "hub.example", 8883);
    for (size_t i = 1; i < size && talk.state == PROXY_TALKING; i++) {
        struct bytes out = proxy_output(&talk);
        ASSERT(out.size <= PROXY_OUTPUT_SIZE_MAX);
        proxy_input(&talk, data[i]);
    }
    ASSERT((talk.problem != NULL) == (talk.state == PROXY_FAILED));
    return 0;
}
