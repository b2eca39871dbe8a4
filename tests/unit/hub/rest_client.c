// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/hub/rest_client.h"

#include "base/assert.h"
#include "base/text_forms.h"
#include "port/api/clock.h"
#include "port/api/hmac.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char owner_key[] = "owner-key-of-the-tests-0123456789";

static void on_stirred(void *ctx)
{
    struct rest_client *c = ctx;
    c->stirred++;
}

static void set_policy(struct rest_client *c, const char *name, uint32_t rights, bool is_dps)
{
    struct verdict why;
    struct policy policy = {.rights = rights, .is_dps = is_dps};
    snprintf(policy.name, sizeof(policy.name), "%s", name);
    for (size_t i = 0; i < 2; i++) {
        memcpy(policy.keys[i].bytes, owner_key, sizeof(owner_key) - 1);
        policy.keys[i].size = sizeof(owner_key) - 1;
    }
    assert_true(registry_set_policy(&c->store, &policy, &why));
}

void client_reconnect(struct rest_client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(rest_port(&c->rest)),
                                   .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    assert_int_equal(connect(c->fd, (const struct sockaddr *)(const void *)&to, sizeof(to)), 0);
    assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
    client_turn(c);
}

int client_setup(void **state)
{
    struct rest_client *c = calloc(1, sizeof(*c));
    *state = c;
    c->fd = -1;
    snprintf(c->folder, sizeof(c->folder), "/tmp/busward-rest-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    c->base = event_base_new();
    c->answer = malloc(CLIENT_ANSWER_SIZE);
    assert_int_equal(store_open(&c->store, c->folder), OK);
    assert_int_equal(store_set_meta(&c->store, "host", "hub.test"), OK);
    assert_int_equal(store_set_meta(&c->store, "dps_host", "dps.test"), OK);
    set_policy(c, "owner", 0x0f, false);
    set_policy(c, "keeper", 0xf0, true);
    set_policy(c, "reader", 0x01, false);
    sessions_init(&c->sessions, c->slots, CLIENT_SESSIONS);
    twins_init(&c->twins, &c->store, malloc(TWINS_NOTICE_BYTES));
    c2d_init(&c->c2d, &c->store, &c->sessions);
    methods_init(&c->methods, &c->sessions, c->calls, CLIENT_CALLS,
                 malloc(CLIENT_CALLS * (size_t)METHODS_PAYLOAD_SIZE_MAX), 7);
    hub_quota_init(&c->quota, &(const struct hub_quota_limits){0});
    const struct rest_config cfg = {
        .base = c->base,
        .host = "127.0.0.1",
        .conn_max = 8,
        .store = &c->store,
        .twins = &c->twins,
        .c2d = &c->c2d,
        .methods = &c->methods,
        .quota = &c->quota,
        .stirred = on_stirred,
        .ctx = c,
    };
    assert_int_equal(rest_start(&c->rest, &cfg), OK);
    client_reconnect(c);
    return 0;
}

int client_teardown(void **state)
{
    struct rest_client *c = *state;
    static const char *const files[] = {"hub.db", "hub.db-wal", "hub.db-shm"};
    char path[128];
    close(c->fd);
    rest_stop(&c->rest);
    store_close(&c->store);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", c->folder, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(c->folder), 0);
    event_base_free(c->base);
    free(c->methods.calls[0].payload);
    free(c->twins.texts);
    free(c->answer);
    free(c);
    return 0;
}

void client_turn(struct rest_client *c)
{
    struct methods_outcome outcome;
    assert_true(event_base_loop(c->base, EVLOOP_NONBLOCK) >= 0);
    while (methods_next_outcome(&c->methods, &outcome)) {
        rest_outcome(&c->rest, &outcome);
    }
}

void client_token(const char *policy, const char *resource, int64_t expires_s, char out[512])
{
    char text[256];
    char signature[64];
    char encoded[200] = "";
    uint8_t digest[HMAC_SHA256_SIZE];
    const int size = snprintf(text, sizeof(text), "%s\n%lld", resource, (long long)expires_s);
    hmac_sha256(bytes_of(owner_key, sizeof(owner_key) - 1), bytes_of(text, (size_t)size), digest);
    base64_text(bytes_of(digest, sizeof(digest)), signature);
    for (size_t i = 0, at = 0; signature[i] != '\0'; i++) {
        at +=
            (size_t)snprintf(encoded + at, sizeof(encoded) - at, "%%%02X", (unsigned)signature[i]);
    }
    snprintf(out, 512, "SharedAccessSignature sr=%s&sig=%s&skn=%s&se=%lld", resource, encoded,
             policy, (long long)expires_s);
}

static void send_all(struct rest_client *c, const char *text, size_t size)
{
    size_t sent = 0;
    while (sent < size) {
        const ssize_t some = send(c->fd, text + sent, size - sent, MSG_NOSIGNAL);
        assert_true(some > 0 || errno == EAGAIN);
        sent += some > 0 ? (size_t)some : 0;
        client_turn(c);
    }
}

static void send_request(struct rest_client *c, const char *authorization, const char *method,
                         const char *path, const char *headers, const char *body)
{
    static char text[REST_BODY_SIZE_MAX + 8192];
    const int size =
        snprintf(text, sizeof(text),
                 "%s %s HTTP/1.1\r\nAuthorization: %s\r\n%sContent-Length: %zu\r\n\r\n%s", method,
                 path, authorization, headers != NULL ? headers : "",
                 body != NULL ? strlen(body) : 0, body != NULL ? body : "");
    assert_true(size > 0 && (size_t)size < sizeof(text));
    send_all(c, text, (size_t)size);
}

void client_send(struct rest_client *c, const char *method, const char *path, const char *headers,
                 const char *body)
{
    char token[512];
    char full[512];
    struct wall_time now;
    const bool is_dps = path[1] == 'e' || path[1] == 'r';
    assert_true(port_wall_time(&now));
    client_token(is_dps ? "keeper" : "owner", is_dps ? "dps.test" : "hub.test",
                 now.utc_ms / 1000 + 600, token);
    snprintf(full, sizeof(full), "%s%sapi-version=2021-04-12", path,
             strchr(path, '?') != NULL ? "&" : "?");
    send_request(c, token, method, full, headers, body);
}

int client_wait(struct rest_client *c)
{
    size_t size = 0;
    size_t needed = SIZE_MAX;
    while (size < needed) {
        client_turn(c);
        const ssize_t some = recv(c->fd, c->answer + size, CLIENT_ANSWER_SIZE - 1 - size, 0);
        assert_true(some > 0 || (some < 0 && errno == EAGAIN));
        size += some > 0 ? (size_t)some : 0;
        c->answer[size] = '\0';
        char *end = strstr(c->answer, "\r\n\r\n");
        if (end != NULL && needed == SIZE_MAX) {
            const char *length = strstr(c->answer, "Content-Length: ");
            c->body_size = length != NULL && length < end ? (size_t)atol(length + 16) : 0;
            needed = (size_t)(end - c->answer) + 4 + c->body_size;
        }
    }
    char *end = strstr(c->answer, "\r\n\r\n");
    c->head = c->answer;
    c->body = end + 4;
    end[2] = '\0';
    c->status = atoi(c->answer + strlen("HTTP/1.1 "));
    return c->status;
}

int client_ask(struct rest_client *c, const char *method, const char *path, const char *headers,
               const char *body)
{
    client_send(c, method, path, headers, body);
    return client_wait(c);
}

int client_ask_as(struct rest_client *c, const char *authorization, const char *method,
                  const char *path)
{
    send_request(c, authorization, method, path, NULL, NULL);
    return client_wait(c);
}

void client_header(const struct rest_client *c, const char *name, char *out, size_t capacity)
{
    char line[64];
    out[0] = '\0';
    snprintf(line, sizeof(line), "\r\n%s: ", name);
    const char *at = strstr(c->head, line);
    if (at != NULL) {
        at += strlen(line);
        snprintf(out, capacity, "%.*s", (int)strcspn(at, "\r"), at);
    }
}

bool client_says(const struct rest_client *c, const char *text)
{
    return strstr(c->body, text) != NULL;
}
