// SPDX-License-Identifier: Apache-2.0
#include "port/linux/proxy.h"

#include "base/assert.h"
#include "base/text_forms.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HTTP_PORT = 8080, SOCKS_PORT = 1080 };
enum { GREETED, LOGGED_IN, ASKED }; // steps of SOCKS5: what was sent last

static bool take_port(const char *text, uint16_t *out)
{
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 10);
    bool is_good = text[0] >= '0' && text[0] <= '9' && *end == 0 && port > 0 && port <= UINT16_MAX;
    *out = is_good ? (uint16_t)port : 0;
    return is_good;
}

enum err proxy_parse(const char *text, struct proxy *out)
{
    static const char http[] = "http://";
    static const char socks[] = "socks5://";
    struct proxy proxy = {.kind = PROXY_HTTP, .port = HTTP_PORT};
    if (strncmp(text, http, sizeof(http) - 1) == 0) {
        text += sizeof(http) - 1;
    } else if (strncmp(text, socks, sizeof(socks) - 1) == 0) {
        text += sizeof(socks) - 1;
        proxy = (struct proxy){.kind = PROXY_SOCKS5, .port = SOCKS_PORT};
    } else {
        return ERR_ARG;
    }
    bool is_literal = text[0] == '[';
    text += is_literal;
    size_t size = strcspn(text, is_literal ? "]" : ":/@?#[] ");
    const char *rest = text + size;
    if (size == 0 || size >= sizeof(proxy.host) || (is_literal && *rest != ']')) {
        return ERR_ARG;
    }
    memcpy(proxy.host, text, size);
    uint8_t literal[16];
    if (is_literal && inet_pton(AF_INET6, proxy.host, literal) != 1) {
        return ERR_ARG;
    }
    rest += is_literal;
    size_t slash = strlen(rest);
    char port[8] = "";
    if (slash > 0 && rest[slash - 1] == '/') {
        slash--;
    }
    if (slash >= sizeof(port)) {
        return ERR_ARG;
    }
    memcpy(port, rest, slash);
    if (port[0] != 0 && (port[0] != ':' || !take_port(port + 1, &proxy.port))) {
        return ERR_ARG;
    }
    *out = proxy;
    return OK;
}

enum err proxy_parse_login(struct bytes text, struct proxy *out)
{
    size_t size = text.size;
    while (size > 0 && (text.data[size - 1] == '\n' || text.data[size - 1] == '\r')) {
        size--;
    }
    const uint8_t *colon = size > 0 ? memchr(text.data, ':', size) : NULL;
    if (colon == NULL || memchr(text.data, 0, size) != NULL) {
        return ERR_ARG;
    }
    size_t user_size = (size_t)(colon - text.data);
    size_t password_size = size - user_size - 1;
    if (user_size == 0 || user_size >= sizeof(out->user) ||
        password_size >= sizeof(out->password)) {
        return ERR_ARG;
    }
    memcpy(out->user, text.data, user_size);
    out->user[user_size] = 0;
    memcpy(out->password, colon + 1, password_size);
    out->password[password_size] = 0;
    return OK;
}

static void put(struct proxy_talk *talk, const void *data, size_t size)
{
    ASSERT(size <= sizeof(talk->output) - talk->output_size);
    memcpy(talk->output + talk->output_size, data, size);
    talk->output_size += size;
}

static void put_words(struct proxy_talk *talk, const char *text)
{
    put(talk, text, strlen(text));
}

static void put_connect(struct proxy_talk *talk)
{
    char place[PROXY_HOST_SIZE_MAX + 16];
    bool is_literal = strchr(talk->host, ':') != NULL;
    snprintf(place, sizeof(place), is_literal ? "[%s]:%u" : "%s:%u", talk->host, talk->port);
    put_words(talk, "CONNECT ");
    put_words(talk, place);
    put_words(talk, " HTTP/1.1\r\nHost: ");
    put_words(talk, place);
    if (talk->proxy->user[0] != 0) {
        char login[2 * PROXY_LOGIN_SIZE_MAX];
        char text[BASE64_SIZE_OF(sizeof(login)) + 1];
        int size =
            snprintf(login, sizeof(login), "%s:%s", talk->proxy->user, talk->proxy->password);
        put_words(talk, "\r\nProxy-Authorization: Basic ");
        base64_text(bytes_of(login, (size_t)size), text);
        put_words(talk, text);
        explicit_bzero(login, sizeof(login));
        explicit_bzero(text, sizeof(text));
    }
    put_words(talk, "\r\n\r\n");
}

static void put_sized(struct proxy_talk *talk, const char *text)
{
    uint8_t size = (uint8_t)strlen(text);
    put(talk, &size, 1);
    put_words(talk, text);
}

static void put_socks_request(struct proxy_talk *talk)
{
    uint8_t address[16];
    put(talk, (const uint8_t[]){5, 1, 0}, 3);
    if (inet_pton(AF_INET, talk->host, address) == 1) {
        put(talk, (const uint8_t[]){1}, 1);
        put(talk, address, 4);
    } else if (inet_pton(AF_INET6, talk->host, address) == 1) {
        put(talk, (const uint8_t[]){4}, 1);
        put(talk, address, 16);
    } else {
        put(talk, (const uint8_t[]){3}, 1);
        put_sized(talk, talk->host); // the proxy looks the name up
    }
    put(talk, (const uint8_t[]){(uint8_t)(talk->port >> 8), (uint8_t)talk->port}, 2);
    talk->step = ASKED;
}

void proxy_begin(struct proxy_talk *talk, const struct proxy *proxy, const char *host,
                 uint16_t port)
{
    ASSERT(strlen(host) < PROXY_HOST_SIZE_MAX);
    *talk = (struct proxy_talk){.proxy = proxy, .host = host, .port = port};
    if (proxy->kind == PROXY_HTTP) {
        put_connect(talk);
        return;
    }
    bool has_login = proxy->user[0] != 0;
    put(talk, has_login ? (const uint8_t[]){5, 2, 0, 2} : (const uint8_t[]){5, 1, 0},
        has_login ? 4 : 3);
    talk->step = GREETED;
}

struct bytes proxy_output(struct proxy_talk *talk)
{
    struct bytes out = bytes_of(talk->output, talk->output_size);
    talk->output_size = 0;
    return out;
}

static void fail(struct proxy_talk *talk, const char *problem)
{
    talk->state = PROXY_FAILED;
    talk->problem = problem;
}

static void judge_http(struct proxy_talk *talk)
{
    static const char end[] = "\r\n\r\n";
    size_t size = talk->reply_size;
    if (size < 4 || memcmp(talk->reply + size - 4, end, 4) != 0) {
        if (size == sizeof(talk->reply)) {
            fail(talk, "the proxy's answer does not end");
        }
        return;
    }
    // HTTP/1.x NNN
    const char *line = (const char *)talk->reply;
    if (size < 16 || strncmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ') {
        fail(talk, "the proxy does not speak HTTP");
    } else if (line[9] == '2') {
        talk->state = PROXY_OPEN;
    } else if (strncmp(line + 9, "407", 3) == 0 || strncmp(line + 9, "401", 3) == 0) {
        // 401 is for servers, but tinyproxy says it.
        fail(talk, "the proxy wants another login");
    } else {
        fail(talk, "the proxy refuses");
    }
}

static const char *socks_problem(uint8_t code)
{
    static const char *const texts[] = {"",
                                        "the proxy failed",
                                        "the proxy does not allow it",
                                        "the proxy cannot reach the network",
                                        "the proxy cannot reach the hub",
                                        "the hub refused the proxy's connection",
                                        "the proxy's time to live is over",
                                        "the proxy cannot CONNECT",
                                        "the proxy does not know such addresses"};
    return code < COUNT_OF(texts) ? texts[code] : "the proxy refuses";
}

static void judge_request(struct proxy_talk *talk)
{
    const uint8_t *in = talk->reply;
    if (talk->reply_size == 2 && in[1] != 0) {
        fail(talk, socks_problem(in[1]));
    }
    if (talk->reply_size < 5) {
        return;
    }
    size_t address = in[3] == 1 ? 4 : in[3] == 4 ? 16 : in[3] == 3 ? 1U + in[4] : 0;
    if (address == 0) {
        fail(talk, "the proxy does not speak SOCKS5");
    } else if (talk->reply_size == 4 + address + 2) {
        talk->state = PROXY_OPEN;
    }
}

static void judge_socks(struct proxy_talk *talk)
{
    const uint8_t *in = talk->reply;
    uint8_t version = talk->step == LOGGED_IN ? 1 : 5;
    if (in[0] != version) {
        fail(talk, "the proxy does not speak SOCKS5");
        return;
    }
    if (talk->step == ASKED) {
        judge_request(talk);
        return;
    }
    if (talk->reply_size < 2) {
        return;
    }
    talk->reply_size = 0;
    if (talk->step == GREETED && in[1] == 2 && talk->proxy->user[0] != 0) {
        put(talk, (const uint8_t[]){1}, 1);
        put_sized(talk, talk->proxy->user);
        put_sized(talk, talk->proxy->password);
        talk->step = LOGGED_IN;
    } else if (in[1] == 0) {
        put_socks_request(talk);
    } else {
        fail(talk, "the proxy wants another login");
    }
}

void proxy_input(struct proxy_talk *talk, uint8_t byte)
{
    ASSERT(talk->state == PROXY_TALKING);
    talk->reply[talk->reply_size++] = byte;
    if (talk->proxy->kind == PROXY_HTTP) {
        judge_http(talk);
    } else {
        judge_socks(talk);
    }
}
