// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/cloud.h"

#include "port/linux/http_tls.h"
#include "port/linux/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE "cloud"

static void on_live(void *ctx, int fd)
{
    (void)fd;
    app_live(ctx);
}

static void on_accounts(void *ctx, int fd)
{
    (void)fd;
    struct app *app = ctx;
    worker_collect(app->account_worker);
}

static void on_commands(void *ctx, int fd)
{
    (void)fd;
    struct app *app = ctx;
    worker_collect(app->gateways.worker);
}

static void on_read_done(void *ctx, int fd)
{
    (void)fd;
    struct app_reader *reader = ctx;
    worker_collect(reader->worker);
}

static void on_hub(void *ctx, int fd)
{
    (void)fd;
    hub_client_collect(ctx);
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    app_tick(ctx);
}

static enum err load_tls(struct cloud *cloud)
{
    const struct settings *s = &cloud->settings;
    if (s->cert == NULL) {
        return OK;
    }
    const char *why = "";
    cloud->tls = tls_load(s->cert, s->key, &why);
    if (cloud->tls == NULL) {
        log_error(MODULE, "tls", "cert=%s why=\"%s\"", log_quote(s->cert).text, why);
        return ERR_IO;
    }
    return OK;
}

// Two clouds in one folder would store every message twice and void each other's set-up link.
static enum err lock_data(struct cloud *cloud)
{
    const char *folder = cloud->settings.data;
    cloud->data_fd = -1;
    if (mkdir(folder, 0700) == 0 || errno == EEXIST) {
        cloud->data_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (cloud->data_fd >= 0 && flock(cloud->data_fd, LOCK_EX | LOCK_NB) == 0) {
        return OK;
    }
    log_error(MODULE, "data", "folder=%s why=\"%s\"", log_quote(folder).text,
              errno == EWOULDBLOCK ? "another busward-cloud uses it" : strerror(errno));
    return ERR_IO;
}

static enum err open_store(struct cloud *cloud)
{
    static char path[4096]; // outlives the store, whose readers open it too
    const struct settings *s = &cloud->settings;
    if (snprintf(path, sizeof(path), "%s/store.db", s->data) >= (int)sizeof(path)) {
        log_error(MODULE, "data", "folder=%s why=\"too long a path\"", log_quote(s->data).text);
        return ERR_ARG;
    }
    const struct store_config cfg = {
        .path = path, .site_max = (uint32_t)s->site_max, .series_max = (uint32_t)s->series_max};
    enum err err = store_open(&cloud->store, &cfg);
    if (err == OK) {
        err = catalogues_init(&cloud->catalogues, &cloud->store);
    }
    if (err == OK) {
        err = live_init(&cloud->live);
    }
    return err == OK ? cloud_open_sources(cloud) : err;
}

static enum err watch(struct cloud *cloud, struct loop *loop)
{
    struct app *app = &cloud->app;
    enum err err = loop_watch(loop, cloud->live.fd, on_live, app);
    if (err == OK) {
        err = loop_watch(loop, worker_fd(app->account_worker), on_accounts, app);
    }
    if (err == OK) {
        err = loop_watch(loop, worker_fd(app->gateways.worker), on_commands, app);
    }
    for (unsigned i = 0; err == OK && i < APP_READERS; i++) {
        err = loop_watch(loop, worker_fd(app->readers[i].worker), on_read_done, &app->readers[i]);
    }
    if (err == OK && cloud->hub != NULL) {
        err = loop_watch(loop, hub_client_fd(cloud->hub), on_hub, cloud->hub);
    }
    const struct timeval second = {.tv_sec = TICK_MS / 1000};
    cloud->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, app);
    if (err == OK && (cloud->tick == NULL || event_add(cloud->tick, &second) != 0)) {
        err = ERR_FULL;
    }
    return err;
}

static enum err serve(struct cloud *cloud, struct loop *loop)
{
    const struct settings *s = &cloud->settings;
    const struct http_server_config cfg = {
        .base = loop->base,
        .host = s->host,
        .port = s->port,
        .conn_max = (unsigned)s->conn_max,
        .tls = cloud->tls,
        .proxies = s->trusted_proxies.item,
        .proxy_count = s->trusted_proxies.count,
        .body_size_max = APP_BODY_SIZE_MAX,
        .handler = {.request = app_request, .gone = app_gone, .ctx = &cloud->app},
    };
    enum err err = http_server_start(&cfg, &cloud->app.server);
    if (err == OK) {
        log_info(MODULE, "listening", "url=%s://%s:%u", s->cert != NULL ? "https" : "http", s->host,
                 http_server_port(cloud->app.server));
    }
    return err;
}

// Each of them holds a connection.
static unsigned login_max(const struct settings *s)
{
    const uint64_t share = s->conn_max / 16;
    return share < 2 ? 2 : share > LOGIN_STRANGERS_MAX ? LOGIN_STRANGERS_MAX : (unsigned)share;
}

static void print_account(void *ctx, const char *name)
{
    (void)ctx;
    printf("account  %s\n", name);
}

enum err cloud_new_setup_link(struct cloud *cloud)
{
    static struct sessions sessions;
    static struct accounts accounts;
    char path[4096];
    snprintf(path, sizeof(path), "%s/accounts.db", cloud->settings.data);
    if (access(path, F_OK) != 0) { // a mistyped folder is not made
        log_error(MODULE, "data", "path=%s why=\"%s\"", log_quote(path).text, strerror(errno));
        return ERR_NOT_FOUND;
    }
    enum err err = lock_data(cloud);
    if (err == OK) {
        err = accounts_open(&accounts, cloud->settings.data, &sessions, wall_now_ms());
    }
    if (err == OK) {
        err = accounts_new_setup_link(&accounts, wall_now_ms());
    }
    if (err == OK) {
        printf("link     %s/setup-link\n", cloud->settings.data);
        err = accounts_list(&accounts, print_account, NULL);
    }
    accounts_close(&accounts);
    close(cloud->data_fd);
    return err;
}

enum err cloud_start(struct cloud *cloud, struct loop *loop)
{
    const struct settings *s = &cloud->settings;
    enum err err = lock_data(cloud);
    if (err == OK) {
        err = load_tls(cloud);
    }
    if (err == OK) {
        err = open_store(cloud);
    }
    if (err == OK) {
        err = cloud_open_hub(cloud);
    }
    const struct app_config cfg = {
        .store = &cloud->store,
        .catalogues = &cloud->catalogues,
        .live = &cloud->live,
        .follower = &cloud->follower,
        .kafka = cloud->has_kafka ? &cloud->kafka : NULL,
        .hub = cloud->hub,
        .data = s->data,
        .web = s->web,
        .is_tls = s->cert != NULL,
        .overdue_ms = (uint32_t)s->overdue_s * 1000,
        .stream_max = (unsigned)s->conn_max * 3 / 4,
        .login_max = login_max(s),
    };
    if (err == OK) {
        err = app_init(&cloud->app, &cfg);
    }
    if (err == OK) {
        err = watch(cloud, loop);
    }
    if (err == OK) {
        err = serve(cloud, loop);
    }
    return err == OK ? ingest_thread_start(&cloud->ingest_thread, &cloud->follower,
                                           cloud->has_kafka ? &cloud->kafka : NULL)
                     : err;
}

void cloud_stop(struct cloud *cloud)
{
    ingest_thread_stop(&cloud->ingest_thread);
    http_server_stop(cloud->app.server);
    if (cloud->tick != NULL) {
        event_free(cloud->tick);
    }
    hub_client_stop(cloud->hub);
    app_deinit(&cloud->app);
    cloud_close_sources(cloud);
    live_deinit(&cloud->live);
    catalogues_deinit(&cloud->catalogues);
    store_close(&cloud->store);
    tls_unload(cloud->tls);
    close(cloud->data_fd);
}
