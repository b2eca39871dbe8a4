// SPDX-License-Identifier: Apache-2.0
// Methods that need files, figures of the process, or the recorder.
#include "apps/gateway/methods/service_work_linux.h"

#include "apps/gateway/config/config_check.h"
#include "apps/gateway/files_linux.h"
#include "apps/gateway/methods/diagnose.h"
#include "port/api/clock.h"
#include "port/linux/log.h"
#include "port/linux/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PROBLEMS_TOLD_MAX = 20 };

// The second number of the file: pages that are resident.
static uint64_t resident_kb(void)
{
    char text[128] = "";
    char *end = NULL;
    FILE *file = fopen("/proc/self/statm", "re");
    bool is_read = file != NULL && fgets(text, sizeof(text), file) != NULL;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!is_read) {
        return 0;
    }
    (void)strtoull(text, &end, 10);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void diagnose(struct service *service, uint64_t now_us, struct json_writer *body)
{
    const struct app *app = &service->cfg.setup->app;
    struct north_stats stats;
    struct wall_time utc = {0};
    north_get_stats(service->cfg.north, &stats);
    for (uint32_t b = 0; b < app->config->bus_count; b++) {
        bus_figures(service->cfg.buses[b], &service->figures[b]);
    }
    bool is_set = port_wall_time(&utc);
    const struct diagnose_facts facts = {.version = BUSWARD_VERSION,
                                         .uptime_us = now_us - service->start_us,
                                         .memory_kb = resident_kb(),
                                         .is_clock_known = is_set,
                                         .utc_ms = utc.utc_ms,
                                         .state = stats.state,
                                         .uplink = stats.uplink,
                                         .journal = stats.journal,
                                         .is_failing = stats.is_failing,
                                         .queue_dropped = stats.queue_dropped,
                                         .bytes_today = stats.bytes_today,
                                         .figures = service->figures};
    diagnose_write(app, &facts, &service->methods, &service->nudge, body);
}

void service_lend_copy(struct service *service)
{
    memory_give_back(service->upload.copy.data, service->upload.copy.capacity);
}

static uint32_t flight_record(struct service *service, uint64_t now_us,
                              const struct args_flight *args, struct json_writer *body)
{
    struct flight_upload *upload = &service->upload;
    uint64_t back_us = args->minutes * US_PER_MIN;
    if (upload->is_running) {
        json_put_key_string(body, "error", "another flight record is being sent");
        json_put_key_u64(body, "id", upload->number);
        return STATUS_BUSY;
    }
    pthread_mutex_lock(&service->lock);
    flight_upload_take(upload, &service->flight, now_us > back_us ? now_us - back_us : 0);
    pthread_mutex_unlock(&service->lock);
    json_put_key_u64(body, "bytes", upload->text_size);
    if (upload->text_size <= FLIGHT_INLINE_SIZE && !args->must_upload) {
        char text[FLIGHT_INLINE_SIZE];
        struct writer w = writer_of(text, sizeof(text));
        flight_upload_text(upload, &w);
        json_put_key(body, "text");
        json_put_text(body, writer_bytes(&w));
        service_lend_copy(service);
        return STATUS_OK;
    }
    flight_upload_begin(upload, now_us);
    json_put_key_u64(body, "id", upload->number);
    json_put_key_u64(body, "parts", upload->parts);
    return STATUS_ACCEPTED;
}

static void sync_now(struct service *service, uint64_t now_us, struct json_writer *body)
{
    struct north_stats stats;
    north_get_stats(service->cfg.north, &stats);
    north_hurry(service->cfg.north, now_us);
    json_put_key_u64(body, "messages_before", stats.journal.messages);
    json_put_key_u64(body, "acknowledged", stats.uplink.acknowledged);
}

// Reads the files as a start would. True: they are good.
static bool check_files(struct service *service, struct json_writer *body, uint64_t *hash)
{
    struct arena arena;
    struct config_report report;
    struct config config;
    if (config_memory(&arena, &report) != OK) {
        json_put_key_string(body, "error", "no memory to read the files");
        return false;
    }
    struct config_source source = {.path = service->cfg.setup->path,
                                   .profiles_dir = service->cfg.setup->profiles_dir,
                                   .files = config_files_linux()};
    enum err err = config_load(&source, &arena, &report, &config);
    *hash = err == OK ? config.hash : 0;
    if (err != OK) {
        json_put_key_string(body, "error", "the files are wrong; nothing was changed");
        json_put_key(body, "problems");
        json_begin_array(body);
        for (size_t i = 0; i < report.count && i < PROBLEMS_TOLD_MAX; i++) {
            char line[CONFIG_LINE_SIZE];
            report_line(&report.items[i], line, sizeof(line));
            json_put_string(body, line);
        }
        json_end_array(body);
    }
    free(arena.data);
    return err == OK;
}

static uint32_t begin_anew(struct service *service, enum method_id id, struct json_writer *body,
                           bool *must_restart)
{
    uint64_t hash = 0;
    if (!check_files(service, body, &hash)) {
        return STATUS_ARGUMENTS;
    }
    bool is_changed = hash != service->cfg.setup->local_hash;
    *must_restart = is_changed || id == METHOD_RESTART;
    json_put_key_bool(body, "changed", is_changed);
    json_put_key_bool(body, "restarting", *must_restart);
    json_put_key(body, "config");
    json_put_hex64(body, hash);
    return STATUS_OK;
}

void service_work(struct service *service, uint64_t now_us, const struct methods_out *out)
{
    struct json_writer *body = methods_work_body(&service->methods, out->call);
    uint32_t status = STATUS_OK;
    bool must_restart = false;
    switch (out->id) {
    case METHOD_DIAGNOSTICS: diagnose(service, now_us, body); break;
    case METHOD_FLIGHT_RECORD:
        status = flight_record(service, now_us, &out->args->flight, body);
        break;
    case METHOD_SYNC_NOW: sync_now(service, now_us, body); break;
    case METHOD_RELOAD:
    case METHOD_RESTART: status = begin_anew(service, out->id, body, &must_restart); break;
    case METHOD_HELP:
    case METHOD_IDENTIFY:
    case METHOD_READ:
    case METHOD_WRITE:
    case METHOD_SCAN:
    case METHOD_LINE_TEST:
    case METHOD_JOB:
    case METHOD_LOG_LEVEL:
    case METHOD_COUNT: break; // their machine does all of it
    }
    methods_worked(&service->methods, now_us, out->call, status, must_restart);
}
