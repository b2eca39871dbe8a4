// SPDX-License-Identifier: Apache-2.0
// Boundary: what a broker's plugin (or whoever opened the socket) says to the backend. Input: lines
// of broker ('d': DPS, else the hub) and topic, a tab, payload; \1 in a payload stands for a zero
// byte, \2 in a topic for the number that the link expects next. A good request must be answered
// after everything.
#include "tests/fuzz/hub/backend_fuzz.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_line(struct backend *b, struct bytes line)
{
    static uint8_t topic[1 << 16];
    static uint8_t payload[1 << 16];
    const uint8_t *tab = memchr(line.data, '\t', line.size);
    if (tab == NULL || line.size >= sizeof(topic) - 32) {
        return;
    }
    enum backend_broker broker = line.data[0] == 'd' ? BROKER_DPS : BROKER_HUB;
    struct writer w = writer_of(topic, sizeof(topic));
    for (const uint8_t *at = line.data + 1; at < tab; at++) {
        char number[24];
        snprintf(number, sizeof(number), "%llu", (unsigned long long)b->links[broker].sequence + 1);
        if (*at == '\2') {
            put_bytes(&w, bytes_of(number, strlen(number)));
        } else {
            put_u8(&w, *at);
        }
    }
    size_t size = (size_t)(line.data + line.size - tab - 1);
    for (size_t i = 0; i < size; i++) {
        payload[i] = tab[1 + i] == '\1' ? 0 : tab[1 + i];
    }
    backend_message(b, broker, backend_fuzz_now, writer_bytes(&w), bytes_of(payload, size));
    backend_fuzz_drain(b);
}

static void check_still_works(struct backend *b)
{
    static const char *const lines[] = {
        "hl/1/hello\tboot",
        "hl/2/up/9/a\t{\"auth\":\"sas\",\"clean\":false,\"subscriptions\":2}",
        "hl/3/req/9/a\t$iothub/twin/GET/?$rid=z\1",
    };
    backend_lost(b, BROKER_HUB);
    backend_connected(b, BROKER_HUB);
    backend_fuzz_drain(b);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        uint64_t before = b->stats.requests[BROKER_HUB];
        put_line(b, bytes_of(lines[i], strlen(lines[i])));
        ASSERT(b->stats.requests[BROKER_HUB] == before + (i == 2 ? 1 : 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct backend *b = backend_fuzz_begin();
    struct bytes rest = bytes_of(data, size);
    backend_connected(b, BROKER_HUB);
    backend_connected(b, BROKER_DPS);
    backend_fuzz_drain(b);
    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        size_t used = end != NULL ? (size_t)(end - rest.data) : rest.size;
        if (used > 0) {
            put_line(b, bytes_of(rest.data, used));
        }
        used += end != NULL ? 1 : 0;
        rest = bytes_of(rest.data + used, rest.size - used);
    }
    check_still_works(b);
    backend_fuzz_end(b);
    return 0;
}
