// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/remote_setup_linux.h"

#include "apps/gateway/check_files_linux.h"
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/files_linux.h"
#include "apps/gateway/twin/remote_text.h"
#include "port/linux/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool load(struct remote_setup *s, struct arena *arena, struct bytes content,
                 struct config *config, char *why, size_t why_size)
{
    struct config_report report = {
        .items = arena_take(arena, CONFIG_FINDINGS_MAX, sizeof(struct config_finding))};
    if (report.items == NULL) {
        snprintf(why, why_size, "no memory");
        return false;
    }
    s->overlay = (struct config_overlay){.text = content, .cache_dir = s->cache_dir};
    struct config_source source = {.path = s->path,
                                   .profiles_dir = s->profiles_dir,
                                   .files = config_files_linux(),
                                   .overlay = &s->overlay};
    enum err err = config_load(&source, arena, &report, config);
    if (err == OK) {
        s->fits = config_check_load(&report, arena, config);
    }
    for (size_t i = 0; i < report.count; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&report.items[i], line, sizeof(line));
        log_event(report.items[i].is_warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "remote", "config",
                  "finding=%s", log_quote(line).text);
        if (!report.items[i].is_warning && why[0] == '\0') {
            snprintf(why, why_size, "%.60s: %.90s", report.items[i].key, report.items[i].message);
        }
    }
    s->warnings = remote_findings(&report, true, s->findings);
    return err == OK;
}

static void told(enum err err, const char *what)
{
    if (err != OK) {
        log_error("remote", "store", "what=%s problem=%s", what, err_name(err));
    }
}

// Loads what is held. False: it is given up now.
static bool try_held(struct remote_setup *s, struct arena *arena, const struct remote_held *held,
                     uint8_t *memory, struct config *config)
{
    char why[REMOTE_REASON_SIZE] = "";
    size_t size = 0;
    enum err err = remote_state_read(&s->state, held, memory, REMOTE_CONTENT_SIZE_MAX, &size);
    struct bytes content = bytes_of(memory, size);
    bool is_local = held->slot == REMOTE_LOCAL;
    if (err != OK) {
        snprintf(why, sizeof(why), "what was stored of it is damaged (%s)", err_name(err));
    }
    s->warnings = bytes_of(NULL, 0);
    if (err == OK && (is_local || load(s, arena, content, config, why, sizeof(why)))) {
        s->running = held->name;
        s->content = content;
        enum err hashed = remote_hash(content, &s->running.hash);
        return hashed == OK;
    }
    log_error("remote", "given_up", "version=%llu reason=%s",
              (unsigned long long)held->name.version, log_quote(why).text);
    // Damage is no verdict about it, nor is another local file: it may come again.
    told(s->is_trial ? remote_state_revert(&s->state, err == OK ? why : NULL)
                     : remote_state_forget(&s->state),
         "give_up");
    return false;
}

static enum err open_cells(struct remote_setup *s, const char *data_dir)
{
    char path[REMOTE_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/config", data_dir);
    snprintf(s->cache_dir, sizeof(s->cache_dir), "%s/cache", data_dir);
    if (mkdir(path, 0750) != 0 && errno != EEXIST) {
        log_error("remote", "folder", "path=%s problem=%s", log_quote(path).text,
                  log_quote(strerror(errno)).text);
        return ERR_IO;
    }
    enum err err = linux_cells_open(&s->cells, path);
    err = err == OK ? remote_state_open(&s->state, &s->cells.cells) : err;
    if (err != OK) {
        log_error("remote", "folder", "path=%s problem=%s", log_quote(path).text, err_name(err));
    } else if (s->state.is_damaged) {
        log_error("remote", "state_damaged", "path=%s use=%s", log_quote(path).text,
                  "\"the local file alone, until the twin is read\"");
    }
    return err;
}

enum err remote_setup(struct remote_setup *s, struct arena *arena, const char *path,
                      const char *profiles_dir, struct config *config)
{
    memset(s, 0, sizeof(*s));
    s->path = path;
    s->profiles_dir = profiles_dir;
    s->fits = true;
    s->cells.folder_fd = -1;
    s->cells.publish_fd = -1;
    s->is_on = config->hub.node != NULL && config->remote.is_enabled;
    if (!s->is_on) {
        return OK;
    }
    for (size_t i = 0; i < 2; i++) {
        s->memory[i] = arena_take(arena, REMOTE_CONTENT_SIZE_MAX, 1);
        if (s->memory[i] == NULL) {
            return ERR_FULL;
        }
    }
    enum err err = open_cells(s, config->gateway.data_dir);
    if (err != OK) {
        return err;
    }
    struct config *other = arena_take(arena, 1, sizeof(*other));
    if (other == NULL) {
        return ERR_FULL;
    }
    remote_state_boot(&s->state, &s->is_trial);
    size_t accepted_size = 0;
    if (s->is_trial && try_held(s, arena, &s->state.trial, s->memory[0], other)) {
        *config = *other;
        enum err read = remote_state_read(&s->state, &s->state.accepted, s->memory[1],
                                          REMOTE_CONTENT_SIZE_MAX, &accepted_size);
        s->accepted = bytes_of(s->memory[1], read == OK ? accepted_size : 0);
        return OK;
    }
    s->is_trial = false;
    bool is_local = s->state.accepted.slot == REMOTE_LOCAL;
    if (try_held(s, arena, &s->state.accepted, s->memory[0], other)) {
        *config = is_local ? *config : *other;
    } else if (!try_held(s, arena, &(struct remote_held){0}, s->memory[0], other)) {
        return ERR_FULL;
    }
    s->accepted = s->content;
    return OK;
}

bool remote_setup_may_restart(const struct remote_setup *setup)
{
    struct arena arena;
    struct config_report report;
    struct config config;
    if (config_memory(&arena, &report) != OK) {
        return false;
    }
    const struct config_source source = {
        .path = setup->path, .profiles_dir = setup->profiles_dir, .files = config_files_linux()};
    enum err err = config_load(&source, &arena, &report, &config);
    if (err == OK) {
        config_check_files(&report, &arena, &config, FILES_RUNNING);
        err = report.error_count == 0 ? OK : ERR_CORRUPT;
    }
    for (size_t i = 0; err != OK && i < report.count; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&report.items[i], line, sizeof(line));
        log_error("remote", "config", "finding=%s", log_quote(line).text);
    }
    free(arena.data);
    return err == OK;
}

bool remote_setup_failed(struct remote_setup *s, const char *reason)
{
    if (!s->is_trial) {
        return false;
    }
    log_error("remote", "given_up", "version=%llu reason=%s",
              (unsigned long long)s->running.version, log_quote(reason).text);
    enum err err = remote_state_revert(&s->state, reason);
    told(err, "give_up");
    return err == OK; // else its tries run out
}
