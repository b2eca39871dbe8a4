// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/hub_client/hub_client.h"

#include "apps/cloud/hub_client/hub_client_private.h"
#include "base/assert.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MODULE "hub"

enum { POLL_MAX_MS = 1000, UNAUTHORIZED = 401 };

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

static void finish(struct hub_client *c, struct hub_call *call)
{
    atomic_fetch_add(&c->stats.calls, 1);
    if (call->outcome != HUB_DONE) {
        atomic_fetch_add(&c->stats.failures, 1);
        log_warn(MODULE, "call", "device=%s status=%d code=%s tries=%u why=%s",
                 log_quote(call->device).text, call->status, log_quote(call->code).text,
                 call->tries, log_quote(call->message).text);
    }
    pthread_mutex_lock(&c->lock);
    ASSERT(c->done_count < HUB_CALLS_MAX);
    c->done[c->done_count++] = call;
    pthread_mutex_unlock(&c->lock);
    (void)eventfd_write(c->fd, 1);
}

static void fail(struct hub_client *c, struct hub_call *call, const char *why)
{
    call->outcome = HUB_UNREACHABLE;
    call->status = 0;
    snprintf(call->message, sizeof(call->message), "%s", why);
    finish(c, call);
}

// The key is read anew for each token, so a new key needs no restart.
static bool have_token(struct hub_client *c, const char **why)
{
    const int64_t now_s = (int64_t)time(NULL);
    struct service_key key;
    if (service_token_is_good(&c->token, now_s)) {
        return true;
    }
    enum err err = hub_key_read(c->cfg.key_file, &key, why);
    if (err == OK) {
        err = service_token_renew(&c->token, &key, c->host, c->policy, now_s);
        *why = "host and policy are too long for a token";
        service_key_wipe(&key);
    }
    if (err == OK) {
        atomic_fetch_add(&c->stats.tokens, 1);
    }
    return err == OK;
}

static void begin(struct hub_client *c, struct hub_transfer *place, struct hub_call *call)
{
    const char *why = "";
    call->tries++;
    if (!have_token(c, &why)) {
        fail(c, call, why);
        return;
    }
    const enum err err = hub_transfer_begin(c, place, call);
    if (err != OK) {
        fail(c, call, err == ERR_SIZE ? "the request is too large" : "out of memory");
    }
}

// What waits and is due gets the free places, in its order.
static void begin_due(struct hub_client *c, uint64_t now_us)
{
    unsigned kept = 0;
    unsigned place = 0;
    for (unsigned i = 0; i < c->pending_count; i++) {
        struct hub_call *call = c->pending[i];
        while (place < HUB_RUNNING_MAX && c->transfers[place].call != NULL) {
            place++;
        }
        if (hub_call_is_late(call, now_us)) {
            hub_call_set_late(call);
            finish(c, call);
        } else if (call->due_us > now_us || place == HUB_RUNNING_MAX) {
            c->pending[kept++] = call;
        } else {
            begin(c, &c->transfers[place], call);
        }
    }
    c->pending_count = kept;
}

static bool wants_again(struct hub_client *c, struct hub_call *call, uint64_t now_us)
{
    uint32_t wait_ms = 0;
    if (call->status == UNAUTHORIZED && !call->has_new_token) {
        call->has_new_token = true; // a clock that jumped, or a key that was changed
        c->token.text[0] = '\0';
        call->due_us = now_us;
        return true;
    }
    const uint32_t random = randombytes_random();
    if (!hub_call_retry(call, random, &wait_ms) ||
        now_us + wait_ms * US_PER_MS > call->give_up_us) {
        return false;
    }
    call->due_us = now_us + wait_ms * US_PER_MS;
    return true;
}

static void end_done(struct hub_client *c, uint64_t now_us)
{
    int left = 0;
    CURLMsg *message = NULL;
    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct hub_transfer *t = NULL;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t) != CURLE_OK) {
            continue;
        }
        struct hub_call *call = t->call;
        hub_transfer_end(c, t, message->data.result);
        if (wants_again(c, call, now_us)) {
            atomic_fetch_add(&c->stats.retries, 1);
            c->pending[c->pending_count++] = call;
        } else {
            finish(c, call);
        }
    }
}

// False: it is to stop.
static bool take_queue(struct hub_client *c)
{
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < c->queue_count; i++) {
        c->pending[c->pending_count++] = c->queue[i];
    }
    c->queue_count = 0;
    const bool must_stop = c->must_stop;
    pthread_mutex_unlock(&c->lock);
    return !must_stop;
}

static int pause_ms(const struct hub_client *c, uint64_t now_us)
{
    uint64_t wait_us = POLL_MAX_MS * US_PER_MS;
    for (unsigned i = 0; i < c->pending_count; i++) {
        const uint64_t due_us = c->pending[i]->due_us;
        // One that is due waits for a place, and that is woken for.
        if (due_us > now_us && due_us - now_us < wait_us) {
            wait_us = due_us - now_us;
        }
    }
    return (int)(wait_us / US_PER_MS) + 1;
}

static void *run(void *ctx)
{
    struct hub_client *c = ctx;
    while (take_queue(c)) {
        int running = 0;
        begin_due(c, clock_us());
        (void)curl_multi_perform(c->multi, &running);
        end_done(c, clock_us());
        begin_due(c, clock_us());
        (void)curl_multi_poll(c->multi, NULL, 0, pause_ms(c, clock_us()), NULL);
    }
    for (unsigned i = 0; i < HUB_RUNNING_MAX; i++) {
        struct hub_transfer *t = &c->transfers[i];
        struct hub_call *call = t->call;
        if (call != NULL) {
            hub_transfer_end(c, t, CURLE_ABORTED_BY_CALLBACK);
            fail(c, call, "the cloud is stopping");
        }
    }
    for (unsigned i = 0; i < c->pending_count; i++) {
        fail(c, c->pending[i], "the cloud is stopping");
    }
    return NULL;
}

static bool take_url(struct hub_client *c, const char **why)
{
    static const char scheme[] = "https://";
    const char *url = c->cfg.url;
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/') {
        size--;
    }
    *why = "--hub-url: https://host or https://host:port is expected";
    if (size < sizeof(scheme) || strncmp(url, scheme, sizeof(scheme) - 1) != 0 ||
        size >= sizeof(c->url)) {
        return false;
    }
    memcpy(c->url, url, size);
    c->url[size] = '\0';
    const char *host = c->url + sizeof(scheme) - 1;
    const size_t host_size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (host_size == 0 || host_size >= sizeof(c->host) || strpbrk(host, "/?#@ ") != NULL) {
        return false;
    }
    memcpy(c->host, host, host_size);
    c->host[host_size] = '\0';
    return true;
}

static enum err take_key(struct hub_client *c, const char **why)
{
    struct service_key key;
    enum err err = hub_key_read(c->cfg.key_file, &key, why);
    if (err != OK) {
        return err;
    }
    if (key.host[0] != '\0') { // what the hub calls itself, however it is reached
        memcpy(c->host, key.host, sizeof(c->host));
    }
    const char *policy = c->cfg.policy != NULL ? c->cfg.policy : key.policy;
    snprintf(c->policy, sizeof(c->policy), "%s", policy);
    if (c->policy[0] == '\0') {
        *why = "--hub-policy is needed: the key file holds a key alone";
        err = ERR_ARG;
    } else if (key.policy[0] != '\0' && strcmp(key.policy, policy) != 0) {
        *why = "--hub-policy is another one than the key file's connection string names";
        err = ERR_ARG;
    }
    service_key_wipe(&key);
    return err;
}

enum err hub_client_start(const struct hub_client_config *cfg, struct hub_client **out,
                          const char **why)
{
    struct hub_client *c = calloc(1, sizeof(*c));
    *why = "out of memory";
    if (c == NULL) {
        return ERR_FULL;
    }
    c->cfg = *cfg;
    c->fd = -1;
    enum err err = take_url(c, why) ? OK : ERR_ARG;
    if (err == OK) {
        err = take_key(c, why);
    }
    if (err == OK && cfg->ca != NULL && access(cfg->ca, R_OK) != 0) {
        *why = "--hub-ca cannot be read";
        err = ERR_IO;
    }
    if (err == OK) {
        *why = "out of memory";
        c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        c->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
        pthread_mutex_init(&c->lock, NULL);
        c->has_thread =
            c->fd >= 0 && c->multi != NULL && pthread_create(&c->thread, NULL, run, c) == 0;
        err = c->has_thread ? OK : ERR_FULL;
    }
    if (err != OK) {
        hub_client_stop(c);
        return err;
    }
    (void)pthread_setname_np(c->thread, "hub");
    *out = c;
    return OK;
}

enum err hub_client_submit(struct hub_client *c, struct hub_call *call)
{
    ASSERT(call->done != NULL);
    if (call->device[0] == '\0' && call->verb != HUB_QUERY) {
        return ERR_ARG;
    }
    if (call->body_size > HUB_BODY_MAX) {
        return ERR_SIZE;
    }
    call->tries = 0;
    call->was_sent = false;
    call->is_too_large = false;
    call->due_us = 0;
    call->has_new_token = false;
    call->give_up_us = clock_us() + HUB_GIVE_UP_MS * US_PER_MS;
    pthread_mutex_lock(&c->lock);
    const bool fits = c->under_way < HUB_CALLS_MAX;
    if (fits) {
        c->under_way++;
        c->queue[c->queue_count++] = call;
    }
    pthread_mutex_unlock(&c->lock);
    if (fits) {
        (void)curl_multi_wakeup(c->multi);
    }
    return fits ? OK : ERR_FULL;
}

int hub_client_fd(const struct hub_client *c)
{
    return c->fd;
}

void hub_client_collect(struct hub_client *c)
{
    struct hub_call *calls[HUB_CALLS_MAX];
    eventfd_t seen = 0;
    (void)eventfd_read(c->fd, &seen);
    pthread_mutex_lock(&c->lock);
    const unsigned count = c->done_count;
    memcpy(calls, c->done, count * sizeof(struct hub_call *));
    c->done_count = 0;
    c->under_way -= count;
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < count; i++) {
        calls[i]->done(calls[i]);
    }
}

void hub_client_stop(struct hub_client *c)
{
    if (c == NULL) {
        return;
    }
    if (c->has_thread) {
        pthread_mutex_lock(&c->lock);
        c->must_stop = true;
        pthread_mutex_unlock(&c->lock);
        (void)curl_multi_wakeup(c->multi);
        pthread_join(c->thread, NULL);
        hub_client_collect(c);
        pthread_mutex_destroy(&c->lock);
    }
    if (c->multi != NULL) {
        (void)curl_multi_cleanup(c->multi);
        curl_global_cleanup();
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    sodium_memzero(&c->token, sizeof(c->token));
    free(c);
}

const struct hub_client_stats *hub_client_stats(const struct hub_client *c)
{
    return &c->stats;
}
