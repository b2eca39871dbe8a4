// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/hub_client/hub_client_private.h"
#include "apps/cloud/secret_file.h"
#include "base/assert.h"
#include "json/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { CONNECT_TIMEOUT_S = 10, ANSWER_FIRST = 4096 };

enum err hub_key_read(const char *path, struct service_key *key, const char **why)
{
    char text[SECRET_SIZE_MAX];
    size_t size = 0;
    enum err err = secret_file_read(path, text, &size, why);
    if (err == OK) {
        err = service_key_parse(bytes_of(text, size), key, why);
    }
    explicit_bzero(text, sizeof(text));
    return err;
}

static size_t on_body(char *data, size_t one, size_t count, void *ctx)
{
    struct hub_transfer *t = ctx;
    const size_t size = one * count;
    if (size > HUB_ANSWER_MAX - t->answer_size) {
        t->is_too_large = true;
        return 0;
    }
    while (t->answer_capacity - t->answer_size < size) {
        const size_t capacity = t->answer_capacity > 0 ? 2 * t->answer_capacity : ANSWER_FIRST;
        char *more = realloc(t->answer, capacity);
        if (more == NULL) {
            return 0;
        }
        t->answer = more;
        t->answer_capacity = capacity;
    }
    memcpy(t->answer + t->answer_size, data, size);
    t->answer_size += size;
    return size;
}

// The value if the line is that header and fits; quotes around an ETag stay away.
static void take_header(const char *line, size_t size, const char *name, char *out, size_t capacity)
{
    const size_t name_size = strlen(name);
    if (size <= name_size || line[name_size] != ':' || strncasecmp(line, name, name_size) != 0) {
        return;
    }
    const char *value = line + name_size + 1;
    const char *end = line + size;
    while (value < end && strchr(" \t\"", *value) != NULL) {
        value++;
    }
    while (end > value && strchr(" \t\"\r\n", end[-1]) != NULL) {
        end--;
    }
    if ((size_t)(end - value) < capacity) {
        memcpy(out, value, (size_t)(end - value));
        out[end - value] = '\0';
    }
}

static size_t on_header(char *data, size_t one, size_t count, void *ctx)
{
    struct hub_transfer *t = ctx;
    const size_t size = one * count;
    take_header(data, size, "iothub-errorcode", t->error_code, sizeof(t->error_code));
    take_header(data, size, "retry-after", t->retry_after, sizeof(t->retry_after));
    take_header(data, size, "etag", t->etag, sizeof(t->etag));
    take_header(data, size, "x-ms-continuation", t->continuation, sizeof(t->continuation));
    return size;
}

static bool add_header(struct hub_transfer *t, const char *name, const char *value)
{
    char line[HUB_CONTINUATION_SIZE + SERVICE_TOKEN_SIZE];
    if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int)sizeof(line) ||
        strpbrk(line, "\r\n") != NULL) {
        return false;
    }
    struct curl_slist *more = curl_slist_append(t->headers, line);
    explicit_bzero(line, sizeof(line));
    t->headers = more != NULL ? more : t->headers;
    return more != NULL;
}

static bool add_headers(struct hub_client *client, struct hub_transfer *t)
{
    const struct hub_call *call = t->call;
    char text[HUB_ETAG_SIZE + 2];
    bool is_good = add_header(t, "Authorization", client->token.text) &&
                   add_header(t, "Accept", "application/json") && add_header(t, "Expect", "");
    if (call->verb != HUB_TWIN) {
        is_good = is_good && add_header(t, "Content-Type", "application/json; charset=utf-8");
    }
    if (call->if_match[0] != '\0') {
        snprintf(text, sizeof(text), "\"%s\"", call->if_match);
        is_good =
            is_good && add_header(t, "If-Match", strcmp(call->if_match, "*") == 0 ? "\"*\"" : text);
    }
    if (call->verb == HUB_QUERY && call->item_max > 0) {
        snprintf(text, sizeof(text), "%u", call->item_max);
        is_good = is_good && add_header(t, "x-ms-max-item-count", text);
    }
    if (call->verb == HUB_QUERY && call->continuation[0] != '\0') {
        is_good = is_good && add_header(t, "x-ms-continuation", call->continuation);
    }
    if (call->verb == HUB_MESSAGE && call->expiry_s > 0) {
        const time_t ends = time(NULL) + (time_t)call->expiry_s;
        struct tm utc;
        is_good = is_good && gmtime_r(&ends, &utc) != NULL &&
                  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) > 0 &&
                  add_header(t, "iothub-expiry", text);
    }
    return is_good;
}

static bool set_options(struct hub_client *client, struct hub_transfer *t)
{
    CURL *e = t->easy;
    const struct hub_call *call = t->call;
    bool is_good =
        curl_easy_setopt(e, CURLOPT_URL, t->url) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        // Over a connection used before, libcurl sends a request again by itself if that ends
        // without an answer, whatever the hub did with it.
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, hub_call_changes(call) ? 1L : 0L) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)hub_call_timeout_s(call)) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_USERAGENT, "busward-cloud") == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_HEADERDATA, t) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK;
    if (is_good && client->cfg.ca != NULL) {
        is_good = curl_easy_setopt(e, CURLOPT_CAINFO, client->cfg.ca) == CURLE_OK &&
                  curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (is_good && call->verb != HUB_TWIN) {
        is_good =
            curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)t->request_size) == CURLE_OK &&
            curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->request) == CURLE_OK &&
            curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, hub_call_http_method(call)) == CURLE_OK;
    }
    return is_good;
}

static void release(struct hub_client *client, struct hub_transfer *t)
{
    if (t->easy != NULL) {
        (void)curl_multi_remove_handle(client->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->headers);
    free(t->request);
    free(t->answer);
    *t = (struct hub_transfer){.call = NULL};
}

enum err hub_transfer_begin(struct hub_client *client, struct hub_transfer *t,
                            struct hub_call *call)
{
    *t = (struct hub_transfer){.call = call};
    t->easy = curl_easy_init();
    t->request = malloc(HUB_REQUEST_SIZE);
    enum err err = t->easy != NULL && t->request != NULL ? OK : ERR_FULL;
    if (err == OK) {
        err = hub_call_url(call, client->url, t->url, sizeof(t->url));
    }
    if (err == OK) {
        struct writer w = writer_of(t->request, HUB_REQUEST_SIZE);
        err = hub_call_body(call, &w);
        t->request_size = w.size;
    }
    if (err == OK && !(add_headers(client, t) && set_options(client, t))) {
        err = ERR_FULL;
    }
    if (err == OK && curl_multi_add_handle(client->multi, t->easy) != CURLM_OK) {
        err = ERR_FULL;
    }
    if (err != OK) {
        release(client, t);
    }
    return err;
}

static bool is_json(struct bytes text)
{
    struct json_reader r;
    json_reader_init(&r, text, &(struct json_options){.depth_max = JSON_DEPTH_MAX / 2});
    return json_skip(&r) && json_end(&r);
}

static void take_answer(struct hub_transfer *t)
{
    struct hub_call *call = t->call;
    snprintf(call->if_match, sizeof(call->if_match), "%s", t->etag);
    snprintf(call->continuation, sizeof(call->continuation), "%s", t->continuation);
    if (call->verb != HUB_MESSAGE && !is_json(bytes_of(t->answer, t->answer_size))) {
        call->outcome = HUB_MISFIT;
        snprintf(call->message, sizeof(call->message), "the hub's answer is not JSON");
        return;
    }
    call->answer = t->answer;
    call->answer_size = t->answer_size;
    t->answer = NULL;
}

void hub_transfer_end(struct hub_client *client, struct hub_transfer *t, CURLcode code)
{
    struct hub_call *call = t->call;
    long status = 0;
    curl_off_t ready_us = 0; // when the connection stood, TLS included; 0: it never did
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    call->was_sent = ready_us > 0;
    call->status = (int)status;
    call->retry_after_s = 0;
    call->is_too_large = false;
    call->code[0] = '\0';
    if (code == CURLE_OK) {
        const struct hub_reply reply = {.status = (int)status,
                                        .body = bytes_of(t->answer, t->answer_size),
                                        .error_code = t->error_code,
                                        .retry_after = t->retry_after};
        hub_call_read(call, &reply);
        if (call->outcome == HUB_DONE) {
            take_answer(t);
        }
    } else if (t->is_too_large) {
        call->outcome = HUB_MISFIT;
        call->is_too_large = true;
        snprintf(call->message, sizeof(call->message), "the hub's answer is larger than %d bytes",
                 HUB_ANSWER_MAX);
    } else {
        call->outcome = HUB_UNREACHABLE;
        call->status = 0;
        if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
            call->tries = HUB_TRIES_MAX; // it will not have another certificate in a second
        }
        snprintf(call->message, sizeof(call->message), "%.200s",
                 t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
    }
    release(client, t);
}
