// SPDX-License-Identifier: Apache-2.0
// A desired configuration from outside over a local file: it is refused with a reason, or what runs
// keeps what is local. The input's first NUL ends the document, the rest is what its references
// give.
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/config_overlay.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_SIZE = 8 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char local_text[] =
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"hub\":{\"host\":\"hub\",\"key_file\":\"/"
    "k\"},"
    "\"remote\":{\"local\":[{\"path\":\"telemetry\"},{\"path\":\"buses[one].devices[till].unit\"}]}"
    ","
    "\"telemetry\":{\"sync_ms\":700},"
    "\"buses\":[{\"name\":\"one\",\"port\":\"tty:/dev/a\",\"devices\":["
    "{\"name\":\"cold\",\"unit\":1,\"profile\":\"p\"},"
    "{\"name\":\"till\",\"unit\":2,\"profile\":\"p\"}]}]}";
static const char profile_text[] =
    "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],"
    "\"points\":[{\"name\":\"t\",\"address\":0}]}";

static enum err read_input(void *ctx, struct arena *arena, const char *path, struct bytes *out)
{
    const struct bytes *cached = ctx;
    (void)arena;
    if (strcmp(path, "local.json") == 0) {
        *out = bytes_of(local_text, sizeof(local_text) - 1);
    } else if (strncmp(path, "cache/", 6) == 0) {
        *out = *cached;
    } else {
        *out = bytes_of(profile_text, sizeof(profile_text) - 1);
    }
    return OK;
}

static void expect(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t first = end != NULL ? (size_t)(end - data) : size;
    struct bytes cached = end != NULL ? bytes_of(end + 1, size - first - 1) : bytes_of("{}", 2);
    struct arena arena = arena_of(calloc(1, MEMORY_SIZE), MEMORY_SIZE);
    struct config_report report = {
        .items = arena_take(&arena, CONFIG_FINDINGS_MAX, sizeof(struct config_finding))};
    struct config_overlay overlay = {.text = bytes_of(data, first), .cache_dir = "cache"};
    struct config_source source = {
        .path = "local.json", .files = {.read = read_input, .ctx = &cached}, .overlay = &overlay};
    struct config_layers layers;
    struct config_ref refs[CONFIG_REFS_MAX];
    struct config config;
    size_t count = 0;
    uint64_t hash = 0;
    config_overlay_open(&source, &arena, &report, &hash, &layers);
    if (config_overlay_refs(&report, &layers, refs, CONFIG_REFS_MAX, &count) == OK) {
        for (size_t i = 0; i < count; i++) {
            expect(strlen(refs[i].sha256) == CONFIG_HASH_SIZE);
            expect(strncmp(refs[i].url, "https://", 8) == 0);
        }
    }
    report.count = report.error_count = report.warning_count = 0;
    if (config_load(&source, &arena, &report, &config) == OK) {
        expect(strcmp(config.hub.host, "hub") == 0 && strcmp(config.hub.key_file, "/k") == 0);
        expect(strcmp(config.gateway.data_dir, "/d") == 0);
        expect(config.telemetry.sync_ms == 700 && config.bus_count <= 1);
        for (size_t b = 0; b < config.bus_count; b++) {
            expect(strcmp(config.buses[b].port, "tty:/dev/a") == 0);
        }
        (void)config_check_load(&report, &arena, &config);
    } else {
        expect(report.error_count > 0); // a refusal has a reason
    }
    free(arena.data);
    return 0;
}
