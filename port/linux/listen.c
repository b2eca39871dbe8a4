// SPDX-License-Identifier: Apache-2.0
#include "port/linux/listen.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static bool port_of(const char *text, uint16_t *out)
{
    unsigned long value = 0;
    size_t size = 0;
    for (; text[size] >= '0' && text[size] <= '9' && size < 6; size++) {
        value = value * 10 + (unsigned long)(text[size] - '0');
    }
    *out = (uint16_t)value;
    return size > 0 && text[size] == '\0' && value <= UINT16_MAX;
}

bool listen_parse(const char *text, struct listen_address *out)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !port_of(colon + 1, &out->port)) {
        return false;
    }
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof(out->host)) {
        return false;
    }
    memcpy(out->host, text, size);
    out->host[size] = '\0';
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, out->host, &v4) == 1) {
        out->is_loopback = (ntohl(v4.s_addr) >> 24) == 127;
        return true;
    }
    out->is_loopback = strcmp(out->host, "::1") == 0;
    return inet_pton(AF_INET6, out->host, &v6) == 1;
}
