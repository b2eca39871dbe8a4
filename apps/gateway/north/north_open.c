// SPDX-License-Identifier: Apache-2.0
// Opening and closing of what north_linux.c runs.
#include "apps/gateway/north/north_internal.h"

#include "base/assert.h"
#include "base/crc.h"
#include "port/api/clock.h"
#include "port/linux/clock_watch.h"
#include "port/linux/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    QUEUE_MAX_DEFAULT = 2048,
    PATH_SIZE_MAX = 1024,
    SEGMENT_SIZE_DEFAULT = 256 * 1024, // as the journal's
    KEYS_SPARE = 64,                   // of an earlier configuration
    KEY_SIZE = 40,                     // in a checkpoint, which is half a segment at most
};

uint64_t north_random_id(void)
{
    uint64_t id = 0;
    while (id == 0) {
        ssize_t got = getrandom(&id, sizeof(id), 0);
        ASSERT(got == (ssize_t)sizeof(id));
    }
    return id;
}

// Equal while the monotonic clock runs on: the kernel's boot id, in 64 bits.
static uint64_t boot_id(void)
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0) {
        close(fd);
    }
    uint64_t id = got > 0 ? hash64(HASH64_START, bytes_of(text, (size_t)got)) : north_random_id();
    return id == 0 ? 1 : id;
}

static enum err open_storage(struct north *north)
{
    static const char *const folders[LANE_COUNT] = {"alerts", "telemetry"};
    char path[PATH_SIZE_MAX];
    snprintf(path, sizeof(path), "%s/journal", north->cfg.data_dir);
    if (mkdir(path, 0750) != 0 && errno != EEXIST) {
        log_error("journal", "folder", "path=%s problem=%s", log_quote(path).text,
                  log_quote(strerror(errno)).text);
        return ERR_IO;
    }
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        snprintf(path, sizeof(path), "%s/journal/%s", north->cfg.data_dir, folders[lane]);
        enum err err = linux_storage_open(&north->storage[lane], path, false);
        if (err != OK) {
            log_error("journal", "folder", "path=%s problem=%s", log_quote(path).text,
                      err_name(err));
            return err;
        }
    }
    return OK;
}

// How many keys the journal is to know. A log with small segments keeps sensors only.
static size_t choose_keys(const struct north *north, size_t *capacity)
{
    const struct north_config *cfg = &north->cfg;
    uint32_t segment_size = cfg->segment_size == 0 ? SEGMENT_SIZE_DEFAULT : cfg->segment_size;
    size_t most = segment_size / 2 / KEY_SIZE;
    size_t count = cfg->key_count;
    if (count > most) {
        log_warn("journal", "limits_not_kept", "points=%zu most=%zu", count - cfg->relay_count,
                 most);
        count = cfg->relay_count;
    }
    size_t spare = count > most ? 0 : most - count;
    *capacity = count + (spare < KEYS_SPARE ? spare : KEYS_SPARE);
    return count;
}

static enum err open_journal(struct north *north)
{
    const struct north_config *cfg = &north->cfg;
    size_t capacity = 0;
    size_t key_count = choose_keys(north, &capacity);
    // Alerts leave on a full disk, too: and so does the word that it is full.
    linux_storage_reserve(&north->storage[LANE_ALERTS],
                          cfg->segment_size == 0 ? SEGMENT_SIZE_DEFAULT : cfg->segment_size);
    struct journal_config journal = {
        .storage = {&north->storage[LANE_ALERTS].storage, &north->storage[LANE_TELEMETRY].storage},
        .bytes_max = cfg->bytes_max,
        .segment_size = cfg->segment_size,
        .age_max_s = cfg->age_max_s,
        .order = cfg->order,
        .sync_ms = cfg->sync_ms,
        .max_age_ms = cfg->max_age_ms,
        .watch_age_ms = cfg->watch_age_ms,
        .journal_id = north_random_id(),
        .boot = boot_id(),
        .window = calloc(JOURNAL_WINDOW_MIN, sizeof(struct tm_sample)),
        .window_capacity = JOURNAL_WINDOW_MIN,
        .relays = calloc(capacity + 1, sizeof(struct journal_relay)),
        .relay_capacity = capacity,
        .sides = calloc(capacity + 1, sizeof(struct journal_side)),
        .side_capacity = capacity,
        .keys = cfg->keys,
        .key_count = key_count,
        .prepare = cfg->prepare,
        .prepare_ctx = cfg->prepare_ctx,
    };
    north->side->journal.cfg = journal; // so that what was taken is given back on failure
    if (journal.window == NULL || journal.relays == NULL || journal.sides == NULL) {
        return ERR_FULL;
    }
    struct journal_recovery found;
    enum err err = journal_open(&north->side->journal, &journal, port_now_us(), &found);
    if (err != OK) {
        log_error("journal", "open", "problem=%s", err_name(err));
        return err;
    }
    log_info("journal", "open",
             "unsealed=%u waiting_alerts=%u waiting_telemetry=%u torn=%u "
             "damaged=%u j=%016llx",
             found.samples_unsealed, found.messages_waiting[LANE_ALERTS],
             found.messages_waiting[LANE_TELEMETRY], found.torn_bytes, found.corrupt_places,
             (unsigned long long)journal.journal_id);
    return OK;
}

static enum err open_uplink(struct north *north)
{
    const struct north_config *cfg = &north->cfg;
    enum err err = north_identity_open(north, port_now_us());
    if (err != OK) {
        return err;
    }
    struct proxy proxy;
    bool has_proxy = cfg->proxy != NULL && cfg->proxy[0] != 0;
    err = has_proxy ? proxy_read(cfg->proxy, cfg->proxy_login_file, &proxy) : OK;
    if (err != OK) {
        return err;
    }
    forward_init(
        &north->forward,
        &(struct forward_config){
            .pacing = {.messages_per_min = cfg->backfill_messages_per_min},
            .budget = {.units_per_day = cfg->budget_per_day, .block_size = cfg->meter_block_size},
            .max_age_ms = north->side->journal.cfg.max_age_ms},
        north->side->journal.budget, port_now_us());
    uplink_init(&north->uplink,
                &(struct uplink_config){.seed = north_random_id(),
                                        .backoff_max_ms = cfg->retry_max_s * (uint32_t)MS_PER_S,
                                        .has_will = cfg->has_will,
                                        .pacing = &north->forward.pacing,
                                        .budget = &north->forward.budget},
                port_now_us());
    inbox_init(&north->inbox, north->id.assignment.device);
    err = mqtt_open(&north->mqtt, &(struct mqtt_config){.ca_file = north->id.ca_file,
                                                        .proxy = has_proxy ? &proxy : NULL,
                                                        .keep_alive_s = cfg->keep_alive_s});
    if (err != OK) {
        log_error("uplink", "open", "problem=%s", err_name(err));
        return err;
    }
    return loop_watch(cfg->loop, mqtt_event_fd(north->mqtt), north_mqtt_ready, north);
}

static bool has_hub(const struct north_config *cfg)
{
    const char *const ways[] = {cfg->host, cfg->key_file, cfg->dps.id_scope};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (ways[i] != NULL && ways[i][0] != 0) {
            return true;
        }
    }
    return false;
}

static enum err open_trace(struct north *north)
{
    if (north->cfg.sync_trace == NULL) {
        return OK;
    }
    north->side->trace_fd =
        open(north->cfg.sync_trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (north->side->trace_fd < 0) {
        log_error("journal", "sync_trace", "path=%s problem=%s",
                  log_quote(north->cfg.sync_trace).text, log_quote(strerror(errno)).text);
        return ERR_IO;
    }
    return OK;
}

static enum err open_parts(struct north *north)
{
    enum err err = open_storage(north);
    if (err == OK) {
        err = open_journal(north);
    }
    if (err == OK) {
        err = open_trace(north);
    }
    if (err == OK && has_hub(&north->cfg)) {
        err = open_uplink(north);
    }
    if (err == OK) {
        err = worker_start("journal", 1, &north->worker);
    }
    if (err == OK) {
        err = loop_watch(north->cfg.loop, worker_fd(north->worker), north_worker_ready, north);
    }
    if (err == OK &&
        clock_watch_open(&north->clock_fd) == OK) { // else it is looked at now and then
        err = loop_watch(north->cfg.loop, north->clock_fd, north_clock_ready, north);
    }
    return err;
}

static void release(struct north *north)
{
    if (north->clock_fd >= 0) {
        loop_unwatch(north->cfg.loop, north->clock_fd);
        close(north->clock_fd);
    }
    if (north->mqtt != NULL) {
        loop_unwatch(north->cfg.loop, mqtt_event_fd(north->mqtt));
        mqtt_close(north->mqtt);
    }
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        linux_storage_close(&north->storage[lane]);
    }
    if (north->side != NULL) {
        if (north->side->trace_fd >= 0) {
            close(north->side->trace_fd);
        }
        free(north->side->journal.cfg.window);
        free(north->side->journal.cfg.relays);
        free(north->side->journal.cfg.sides);
    }
    north_identity_close(north);
    free(north->batches[0].inputs);
    free(north->batches[1].inputs);
    free(north->side);
    free(north);
}

enum err north_open(struct north **out, const struct north_config *cfg)
{
    struct north *north = calloc(1, sizeof(*north));
    if (north == NULL) {
        return ERR_FULL;
    }
    north->cfg = *cfg;
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        north->storage[lane].folder_fd = -1;
        north->storage[lane].append_fd = -1;
        north->storage[lane].read_fd = -1;
    }
    north->side = calloc(1, sizeof(*north->side));
    size_t capacity =
        (cfg->queue_max == 0 ? QUEUE_MAX_DEFAULT : cfg->queue_max) + 2 * NORTH_QUEUE_RESERVE;
    for (size_t i = 0; i < 2; i++) {
        north->batches[i].inputs = calloc(capacity, sizeof(struct north_input));
        north->batches[i].capacity = capacity;
    }
    bool has_memory =
        north->side != NULL && north->batches[0].inputs != NULL && north->batches[1].inputs != NULL;
    if (north->side != NULL) {
        north->side->trace_fd = -1;
    }
    north->batch = &north->batches[0];
    north->id.files.cells = (struct linux_cells){.folder_fd = -1, .publish_fd = -1};
    north->flush_us = TIME_NEVER;
    north->clock_fd = -1;
    north->day = port_now_us() / US_PER_DAY;
    enum err err = has_memory ? open_parts(north) : ERR_FULL;
    if (err != OK) {
        worker_stop(north->worker);
        release(north);
        return err;
    }
    *out = north;
    return OK;
}

void north_close(struct north *north)
{
    north->is_closing = true;
    loop_unwatch(north->cfg.loop, worker_fd(north->worker));
    worker_stop(north->worker);
    struct north_side *side = north->side;
    side->batch = north->batch;
    north_apply(side);
    journal_flush(&side->journal, port_now_us());
    north_trace(side);
    log_info("journal", "close", "bytes=%llu messages=%llu",
             (unsigned long long)side->journal.stats.bytes,
             (unsigned long long)side->journal.stats.messages);
    release(north);
}
