// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/remote_linux.h"

#include "apps/gateway/north/proxy_linux.h"
#include "apps/gateway/twin/remote_check_linux.h"
#include "apps/gateway/twin/twin.h"
#include "base/assert.h"
#include "base/crc.h"
#include "port/api/clock.h"
#include "port/linux/fetch.h"
#include "port/linux/log.h"
#include "port/linux/worker.h"
#include "json/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { PART_SIZE = REMOTE_REPORT_SIZE_MAX + 64 };
#define RESTART_AGAIN_US (10 * US_PER_S)

// The worker's while a job runs.
struct remote_side {
    enum remote_out_kind kind;
    struct remote_name name;
    struct remote_state *state;
    struct remote_check check;
    struct proxy proxy;
    atomic_bool stop;
    enum err err;
    char reason[REMOTE_REASON_SIZE];
    uint32_t units[REMOTE_UNITS_MAX];
    size_t unit_count;
    size_t content_size;
    uint8_t content[REMOTE_CONTENT_SIZE_MAX];
};

struct remote {
    struct remote_options o;
    struct twin twin;
    struct remote_config machine;
    struct worker *worker;
    struct remote_side *side;
    bool is_closing, must_restart, is_described;
    uint64_t started_us, boot_id;
    uint32_t before[REMOTE_UNITS_MAX]; // units that answered before the trial
    size_t before_count;
    uint64_t restart_us; // the process begins anew then; TIME_NEVER: it need not
};

static uint32_t unit_name(const struct unit *unit)
{
    const char *name = unit->device->name;
    return (uint32_t)hash64(HASH64_START, bytes_of(name, strlen(name)));
}

static bool answers(const struct app *app, uint32_t index)
{
    const struct poller *poller = &app->buses[app->points.units[index].bus].poller;
    const struct poller_unit *unit = &poller->units[index - poller->unit_first];
    return unit->is_known && unit->state == UNIT_ONLINE;
}

// In a trial the units that count are those from before it, whatever comes after it.
static void list_units(struct remote *remote, struct remote_side *side)
{
    const struct app *app = remote->o.app;
    if (remote->machine.is_trial) {
        memcpy(side->units, remote->before, remote->before_count * sizeof(side->units[0]));
        side->unit_count = remote->before_count;
        return;
    }
    side->unit_count = 0;
    for (uint32_t i = 0; i < app->points.unit_count && side->unit_count < REMOTE_UNITS_MAX; i++) {
        if (answers(app, i)) {
            side->units[side->unit_count++] = unit_name(&app->points.units[i]);
        }
    }
}

static void count_units(struct remote *remote, uint64_t now_us)
{
    const struct app *app = remote->o.app;
    uint32_t before = 0;
    uint32_t lost = 0;
    for (uint32_t i = 0; i < app->points.unit_count; i++) {
        uint32_t name = unit_name(&app->points.units[i]);
        for (size_t k = 0; k < remote->before_count; k++) {
            if (remote->before[k] == name) {
                before++;
                lost += answers(app, i) ? 0 : 1;
                break;
            }
        }
    }
    remote_config_units(&remote->machine, now_us, before, lost);
}

// On the worker's thread.
static void run_job(void *ctx)
{
    struct remote_side *side = ctx;
    side->err = OK;
    switch (side->kind) {
    case REMOTE_OUT_CHECK: remote_check(&side->check); break;
    case REMOTE_OUT_STAGE:
        side->err =
            remote_state_stage(side->state, side->name, bytes_of(side->content, side->content_size),
                               side->units, side->unit_count);
        break;
    case REMOTE_OUT_ACCEPT: side->err = remote_state_accept(side->state); break;
    case REMOTE_OUT_REVERT: side->err = remote_state_revert(side->state, side->reason); break;
    case REMOTE_OUT_DROP: side->err = remote_state_revert(side->state, NULL); break;
    case REMOTE_OUT_RESTART:
    case REMOTE_OUT_REPORT: break;
    }
}

static void drain(struct remote *remote, uint64_t now_us);

static void job_done(void *ctx)
{
    struct remote *remote = ctx;
    struct remote_side *side = remote->side;
    uint64_t now_us = port_now_us();
    if (remote->is_closing) {
        return;
    }
    if (side->kind == REMOTE_OUT_CHECK) {
        const struct remote_checked *result = &side->check.result;
        log_info("remote", "checked", "version=%llu result=%s reason=%s",
                 (unsigned long long)side->name.version,
                 result->verdict == REMOTE_GOOD    ? "good"
                 : result->verdict == REMOTE_WRONG ? "wrong"
                                                   : "away",
                 log_quote(result->reason).text);
        remote_config_checked(&remote->machine, now_us, result);
    } else {
        if (side->err != OK) {
            log_error("remote", "store", "problem=%s", err_name(side->err));
        }
        remote_config_written(&remote->machine, now_us, side->err == OK);
    }
    drain(remote, now_us);
}

static void run_on_side(void *ctx)
{
    struct remote *remote = ctx;
    run_job(remote->side);
}

static void submit(struct remote *remote, const struct remote_out *out)
{
    struct remote_side *side = remote->side;
    const struct remote_setup *setup = remote->o.setup;
    ASSERT(out->content.size <= sizeof(side->content));
    side->kind = out->kind;
    side->name = out->name;
    side->content_size = out->content.size;
    if (out->content.size > 0) {
        memcpy(side->content, out->content.data, out->content.size);
    }
    snprintf(side->reason, sizeof(side->reason), "%s", out->reason);
    side->check.content = bytes_of(side->content, side->content_size);
    side->check.keep[0] = setup->content;
    side->check.keep[1] = setup->accepted;
    if (out->kind == REMOTE_OUT_STAGE) {
        list_units(remote, side);
    }
    enum err err = worker_submit(remote->worker,
                                 (struct job){.run = run_on_side, .done = job_done, .ctx = remote});
    ASSERT(err == OK); // one job at a time
}

static void report(struct remote *remote, uint64_t now_us, const char *key, struct bytes body)
{
    char part[PART_SIZE];
    struct json_writer w;
    json_writer_init(&w, part, sizeof(part));
    json_begin_object(&w);
    json_put_key(&w, key);
    json_put_raw(&w, body);
    json_end_object(&w);
    enum err err = twin_report(&remote->twin, now_us, json_writer_bytes(&w));
    if (err != OK) {
        log_warn("twin", "report_dropped", "part=%s problem=%s", key, err_name(err));
    }
}

// With a local file that is wrong nothing would come up again: what runs goes on meanwhile.
static void try_restart(struct remote *remote, uint64_t now_us)
{
    if (now_us < remote->restart_us || remote->must_restart) {
        return;
    }
    if (!remote_setup_may_restart(remote->o.setup)) {
        log_error("remote", "restart",
                  "file=%s problem=\"wrong: nothing restarts until it is mended\"",
                  log_quote(remote->o.setup->path).text);
        remote->restart_us = time_after(now_us, RESTART_AGAIN_US);
        return;
    }
    log_info("remote", "restart", "why=%s", "\"another configuration\"");
    remote->must_restart = true;
    loop_stop(remote->o.loop);
}

static void drain(struct remote *remote, uint64_t now_us)
{
    struct remote_out out;
    while (remote_config_next(&remote->machine, now_us, &out)) {
        switch (out.kind) {
        case REMOTE_OUT_REPORT: report(remote, now_us, "config", out.body); break;
        case REMOTE_OUT_RESTART:
            remote->restart_us = now_us;
            try_restart(remote, now_us);
            break;
        case REMOTE_OUT_REVERT:
            log_error("remote", "reverted", "version=%llu reason=%s",
                      (unsigned long long)remote->machine.running.version,
                      log_quote(out.reason).text);
            submit(remote, &out);
            break;
        case REMOTE_OUT_ACCEPT:
            log_info("remote", "accepted", "version=%llu",
                     (unsigned long long)remote->machine.running.version);
            submit(remote, &out);
            break;
        case REMOTE_OUT_CHECK:
        case REMOTE_OUT_STAGE:
        case REMOTE_OUT_DROP: submit(remote, &out); break;
        }
    }
}

// Once it is online: the clock is known then.
static void describe(struct remote *remote, uint64_t now_us)
{
    char text[256];
    char started[32] = "";
    struct json_writer w;
    struct wall_time utc;
    struct tm parts;
    if (port_wall_time(&utc)) {
        time_t at =
            (time_t)(utc.utc_ms / 1000 - (int64_t)((now_us - remote->started_us) / US_PER_S));
        if (gmtime_r(&at, &parts) != NULL) {
            (void)strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &parts);
        }
    }
    json_writer_init(&w, text, sizeof(text));
    json_begin_object(&w);
    json_put_key_string(&w, "version", BUSWARD_VERSION);
    json_put_key(&w, "boot");
    json_put_hex64(&w, remote->boot_id);
    json_put_key_string(&w, "started", started[0] != '\0' ? started : NULL);
    json_end_object(&w);
    report(remote, now_us, "gateway", json_writer_bytes(&w));
    remote->is_described = true;
}

static void on_online(void *ctx, uint64_t now_us)
{
    struct remote *remote = ctx;
    if (!remote->is_described) {
        describe(remote, now_us);
    }
    twin_online(&remote->twin, now_us);
    remote_config_online(&remote->machine, now_us);
    drain(remote, now_us);
}

static void on_offline(void *ctx, uint64_t now_us)
{
    struct remote *remote = ctx;
    twin_offline(&remote->twin, now_us);
    remote_config_offline(&remote->machine, now_us);
    drain(remote, now_us);
}

static void on_message(void *ctx, uint64_t now_us, const struct az_topic *topic, struct bytes body)
{
    struct remote *remote = ctx;
    twin_message(&remote->twin, now_us, topic, body);
}

static void on_tick(void *ctx, uint64_t now_us)
{
    struct remote *remote = ctx;
    twin_tick(&remote->twin, now_us);
}

static uint64_t deadline_us(const void *ctx)
{
    const struct remote *remote = ctx;
    return twin_deadline_us(&remote->twin);
}

static bool on_next(void *ctx, uint64_t now_us, struct inbox_out *out)
{
    struct remote *remote = ctx;
    struct twin_out twin;
    while (twin_next(&remote->twin, now_us, &twin)) {
        switch (twin.kind) {
        case TWIN_OUT_SEND:
            *out = (struct inbox_out){.qos = 0, .topic = twin.topic, .body = twin.body};
            return true;
        case TWIN_OUT_NOTE:
            log_warn("twin", "note", "status=%d what=%s", (int)twin.status,
                     log_quote(twin.text).text);
            break;
        case TWIN_OUT_DESIRED:
            log_audit("twin", "desired", "version=%llu bytes=%zu", (unsigned long long)twin.version,
                      twin.body.size);
            remote_config_desired(&remote->machine, now_us, twin.version, twin.body);
            drain(remote, now_us);
            break;
        }
    }
    return false;
}

static const struct inbox_ops OPS = {
    .online = on_online,
    .offline = on_offline,
    .message = on_message,
    .tick = on_tick,
    .deadline_us = deadline_us,
    .next = on_next,
};

static void on_worker(void *ctx, int fd)
{
    struct remote *remote = ctx;
    (void)fd;
    worker_collect(remote->worker);
}

static uint64_t random_u64(void)
{
    uint64_t value = 0;
    ssize_t got = getrandom(&value, sizeof(value), 0);
    ASSERT(got == (ssize_t)sizeof(value));
    return value;
}

static void start_machines(struct remote *remote)
{
    struct remote_setup *setup = remote->o.setup;
    const struct config_remote *cfg = &remote->o.app->config->remote;
    const struct remote_config_options options = {.trial_s = cfg->trial_s,
                                                  .lost_percent = cfg->lost_percent};
    struct remote_boot boot = {
        .is_trial = setup->is_trial,
        .running = setup->running,
        .accepted = setup->is_trial ? setup->state.accepted.name : setup->running,
        .rejected = setup->state.rejected,
        .reason = setup->state.reason,
        .warnings = setup->warnings,
    };
    remote->started_us = port_now_us();
    remote->boot_id = random_u64();
    remote->restart_us = TIME_NEVER;
    twin_init(&remote->twin, &(struct twin_config){.seed = random_u64()});
    remote_config_start(&remote->machine, &options, &boot, remote->started_us);
    if (setup->is_trial && remote_state_units(&setup->state, remote->before, REMOTE_UNITS_MAX,
                                              &remote->before_count) != OK) {
        log_warn("remote", "units_unknown", "");
    }
    remote->side->state = &setup->state;
    remote->side->check = (struct remote_check){.path = setup->path,
                                                .profiles_dir = setup->profiles_dir,
                                                .cache_dir = setup->cache_dir,
                                                .ca_file = cfg->ca_file,
                                                .fits = setup->fits,
                                                .stop = &remote->side->stop};
    const struct config_hub *hub = &remote->o.app->config->hub;
    struct proxy *proxy = &remote->side->proxy;
    bool has_proxy =
        hub->proxy[0] != '\0' && proxy_read(hub->proxy, hub->proxy_login_file, proxy) == OK;
    remote->side->check.proxy = has_proxy ? proxy : NULL;
}

static void release(void *ctx)
{
    struct remote *remote = ctx;
    free(remote->side);
    free(remote);
}

enum err remote_open(struct remote **out, const struct remote_options *options)
{
    *out = NULL;
    if (!options->setup->is_on) {
        return OK;
    }
    struct remote *remote = calloc(1, sizeof(*remote));
    struct remote_side *side = calloc(1, sizeof(*side));
    if (remote == NULL || side == NULL) {
        free(remote);
        free(side);
        return ERR_FULL;
    }
    remote->o = *options;
    remote->side = side;
    fetch_init();
    start_machines(remote);
    enum err err = worker_start("remote", 1, &remote->worker);
    if (err != OK) {
        log_error("remote", "open", "problem=%s", err_name(err));
        release(remote);
        return err;
    }
    err = loop_watch(options->loop, worker_fd(remote->worker), on_worker, remote);
    if (err != OK) {
        worker_stop(remote->worker);
        release(remote);
        return err;
    }
    north_plug(options->north, INBOX_TWIN, &OPS, remote);
    *out = remote;
    return OK;
}

uint64_t remote_turn(struct remote *remote, uint64_t now_us)
{
    if (remote == NULL) {
        return TIME_NEVER;
    }
    if (remote_config_wants_units(&remote->machine, now_us)) {
        count_units(remote, now_us);
    }
    remote_config_tick(&remote->machine, now_us);
    drain(remote, now_us);
    try_restart(remote, now_us);
    uint64_t restart_us = remote->must_restart ? TIME_NEVER : remote->restart_us;
    return time_min(remote_config_deadline_us(&remote->machine), restart_us);
}

void remote_report(struct remote *remote, uint64_t now_us, struct bytes patch)
{
    enum err err = remote == NULL ? OK : twin_report(&remote->twin, now_us, patch);
    if (err != OK) {
        log_warn("remote", "report", "error=%s", err_name(err));
    }
}

void remote_refresh(struct remote *remote, uint64_t now_us)
{
    if (remote != NULL) {
        twin_refresh(&remote->twin, now_us);
    }
}

bool remote_wants_restart(const struct remote *remote)
{
    return remote != NULL && remote->must_restart;
}

void remote_close(struct remote *remote)
{
    if (remote == NULL) {
        return;
    }
    remote->is_closing = true;
    loop_unwatch(remote->o.loop, worker_fd(remote->worker));
    atomic_store(&remote->side->stop, true);
    enum remote_phase phase = remote->machine.phase;
    if (phase == REMOTE_CHECKING || phase == REMOTE_WRITING) {
        worker_leave(remote->worker, release, remote); // it may hang in a name lookup
        return;
    }
    worker_stop(remote->worker);
    release(remote);
}
