// SPDX-License-Identifier: Apache-2.0
// A configuration and its profile from outside: errors are reported or the plan stands; nothing
// else. The input's first NUL ends the configuration, the rest is every profile.
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/poll/plan.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_SIZE = 4 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err read_input(void *ctx, struct arena *arena, const char *path, struct bytes *out)
{
    const struct bytes *input = ctx;
    (void)arena;
    const uint8_t *end = input->size > 0 ? memchr(input->data, 0, input->size) : NULL;
    size_t first = end != NULL ? (size_t)(end - input->data) : input->size;
    if (strcmp(path, "c.json") == 0) {
        *out = bytes_of(input->data, first);
        return OK;
    }
    if (end == NULL) {
        return ERR_NOT_FOUND;
    }
    *out = bytes_of(end + 1, input->size - first - 1);
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    struct arena arena = arena_of(calloc(1, MEMORY_SIZE), MEMORY_SIZE);
    struct config_report report = {
        .items = arena_take(&arena, CONFIG_FINDINGS_MAX, sizeof(struct config_finding))};
    struct config_source source = {.path = "c.json", .files = {.read = read_input, .ctx = &input}};
    struct config config;
    if (config_load(&source, &arena, &report, &config) == OK) {
        (void)config_check_load(&report, &arena, &config);
    } else if (report.error_count == 0) {
        abort(); // a refusal without a reason
    }
    free(arena.data);
    return 0;
}
