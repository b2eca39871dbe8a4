// SPDX-License-Identifier: Apache-2.0
#include "port/linux/http_origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { MAPPED_AT = 12, HOP_SIZE_MAX = 64 };

_Static_assert(HTTP_ADDRESS_SIZE == INET6_ADDRSTRLEN, "an address fits");

bool http_address_plain(const char *text, char out[HTTP_ADDRESS_SIZE])
{
    struct in_addr v4;
    struct in6_addr v6;
    out[0] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return inet_ntop(AF_INET, &v4, out, HTTP_ADDRESS_SIZE) != NULL;
    }
    if (inet_pton(AF_INET6, text, &v6) != 1) {
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
        return inet_ntop(AF_INET, v6.s6_addr + MAPPED_AT, out, HTTP_ADDRESS_SIZE) != NULL;
    }
    return inet_ntop(AF_INET6, &v6, out, HTTP_ADDRESS_SIZE) != NULL;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct bytes last_hop(struct bytes value)
{
    size_t end = value.size;
    while (end > 0 && is_blank(value.data[end - 1])) {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && value.data[begin - 1] != ',') {
        begin--;
    }
    while (begin < end && is_blank(value.data[begin])) {
        begin++;
    }
    return bytes_of(value.data + begin, end - begin);
}

// "[v6]", "[v6]:port" and "v4:port" lose what is around the address.
static void strip(char *text)
{
    char *colon = strchr(text, ':');
    if (text[0] == '[') {
        char *bracket = strchr(text, ']');
        if (bracket != NULL && (bracket[1] == '\0' || bracket[1] == ':')) {
            *bracket = '\0';
            memmove(text, text + 1, strlen(text));
        }
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        *colon = '\0';
    }
}

bool http_forwarded_for(const struct http_request *request, char out[HTTP_ADDRESS_SIZE])
{
    struct bytes value = {.data = NULL};
    char text[HOP_SIZE_MAX + 1] = "";
    out[0] = '\0';
    if (!http_last_header(request, "x-forwarded-for", &value)) {
        return false;
    }
    const struct bytes hop = last_hop(value);
    if (hop.size == 0 || hop.size > HOP_SIZE_MAX) {
        return false;
    }
    memcpy(text, hop.data, hop.size);
    strip(text);
    return http_address_plain(text, out);
}

bool http_is_among(const char *address, const char *const *list, size_t count)
{
    char plain[HTTP_ADDRESS_SIZE];
    char other[HTTP_ADDRESS_SIZE];
    if (!http_address_plain(address, plain)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (http_address_plain(list[i], other) && strcmp(plain, other) == 0) {
            return true;
        }
    }
    return false;
}

bool http_origin_of(const struct http_request *request, const char *peer, bool is_proxy,
                    char out[HTTP_ADDRESS_SIZE])
{
    return is_proxy ? http_forwarded_for(request, out) : http_address_plain(peer, out);
}
