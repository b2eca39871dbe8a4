// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/remote_check_linux.h"

#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/config_overlay.h"
#include "apps/gateway/files_linux.h"
#include "apps/gateway/twin/remote_findings.h"
#include "base/crc.h"
#include "port/linux/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void judge(struct remote_check *check, enum remote_verdict verdict, const char *reason)
{
    check->result.verdict = verdict;
    snprintf(check->reason, sizeof(check->reason), "%s", reason);
}

static void judge_first_error(struct remote_check *check, const struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct config_finding *f = &report->items[i];
        if (!f->is_warning) {
            check->result.verdict = REMOTE_WRONG;
            snprintf(check->reason, sizeof(check->reason), "%.60s%s%.90s", f->key,
                     f->key[0] != '\0' ? ": " : "", f->message);
            return;
        }
    }
    judge(check, REMOTE_WRONG, "is wrong, in more places than can be told");
}

static struct config_source source_of(const struct remote_check *check,
                                      const struct config_overlay *overlay)
{
    return (struct config_source){.path = check->path,
                                  .profiles_dir = check->profiles_dir,
                                  .files = config_files_linux(),
                                  .overlay = overlay};
}

// True if all are in the cache now.
static bool fetch_refs(struct remote_check *check, const struct config_ref *refs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char why[FETCH_REASON_SIZE];
        struct fetch_request request = {
            .url = refs[i].url,
            .sha256 = refs[i].sha256,
            .folder = check->cache_dir,
            .ca_file = check->ca_file,
            .proxy = check->proxy,
            .size_max = CONFIG_FILE_SIZE_MAX,
            .stop = check->stop,
        };
        if (fetch_file(&request, why) != OK) {
            check->result.verdict = REMOTE_AWAY;
            snprintf(check->reason, sizeof(check->reason), "%.40s: %.110s", refs[i].name, why);
            return false;
        }
    }
    return true;
}

// The references of the desired property, then those of what its "ref" names.
static bool fetch_all(struct remote_check *check, const struct config_overlay *overlay,
                      struct arena *arena, struct config_report *report)
{
    struct config_source source = source_of(check, overlay);
    bool is_missing = true;
    for (int round = 0; round < 2 && is_missing; round++) {
        struct config_layers layers;
        struct config_ref refs[CONFIG_REFS_MAX];
        size_t count = 0;
        uint64_t hash = HASH64_START;
        report->count = 0;
        report->error_count = 0;
        report->warning_count = 0;
        // The second round has the base, and so its references, too.
        config_overlay_open(&source, arena, report, &hash, &layers);
        is_missing = layers.is_missing;
        if (config_overlay_refs(report, &layers, refs, CONFIG_REFS_MAX, &count) != OK ||
            arena->is_full || report->error_count > 0) {
            judge_first_error(check, report);
            return false;
        }
        if (!fetch_refs(check, refs, count)) {
            return false;
        }
    }
    return true;
}

static void check_whole(struct remote_check *check, const struct config_overlay *overlay,
                        struct arena *arena, struct config_report *report)
{
    struct config_source source = source_of(check, overlay);
    struct config *config = arena_take(arena, 1, sizeof(*config));
    report->count = 0;
    report->error_count = 0;
    report->warning_count = 0;
    if (config == NULL || config_load(&source, arena, report, config) != OK) {
        judge_first_error(check, report);
    } else if (!config_check_load(report, arena, config) && check->fits) {
        judge(check, REMOTE_WRONG, "does not fit on the buses");
    } else {
        judge(check, REMOTE_GOOD, "");
    }
}

// Adds the references of one content; false if not all could be told.
static bool add_kept(const struct remote_check *check, struct bytes content, struct arena *arena,
                     struct config_report *report, const char **kept, size_t *count)
{
    struct config_overlay overlay = {.text = content, .cache_dir = check->cache_dir};
    struct config_source source = source_of(check, &overlay);
    struct config_layers layers;
    struct config_ref refs[CONFIG_REFS_MAX];
    size_t found = 0;
    uint64_t hash = HASH64_START;
    if (content.size == 0) {
        return true;
    }
    config_overlay_open(&source, arena, report, &hash, &layers);
    if (config_overlay_refs(report, &layers, refs, CONFIG_REFS_MAX, &found) != OK) {
        return false;
    }
    for (size_t i = 0; i < found; i++) {
        kept[(*count)++] = refs[i].sha256;
    }
    return !arena->is_full;
}

static void clean_cache(const struct remote_check *check, struct arena *arena,
                        struct config_report *report)
{
    const char *kept[3 * CONFIG_REFS_MAX];
    size_t count = 0;
    if (add_kept(check, check->content, arena, report, kept, &count) &&
        add_kept(check, check->keep[0], arena, report, kept, &count) &&
        add_kept(check, check->keep[1], arena, report, kept, &count)) {
        fetch_keep(check->cache_dir, kept, count);
    }
}

void remote_check(struct remote_check *check)
{
    struct arena arena;
    struct config_report report;
    struct config_overlay overlay = {.text = check->content, .cache_dir = check->cache_dir};
    check->result = (struct remote_checked){.verdict = REMOTE_AWAY, .reason = check->reason};
    snprintf(check->reason, sizeof(check->reason), "no memory for the check");
    if (config_memory(&arena, &report) == OK) {
        clean_cache(check, &arena, &report);
        if (fetch_all(check, &overlay, &arena, &report)) {
            check_whole(check, &overlay, &arena, &report);
        }
        check->result.errors = remote_findings(&report, false, check->errors);
        check->result.warnings = remote_findings(&report, true, check->warnings);
    }
    free(arena.data);
}
