// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/gateway/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MEMORY_SIZE = 8 * 1024 * 1024 };

struct texts {
    const char *config;
    const char *profile;
};

static enum err read_text(void *ctx, struct arena *arena, const char *path, struct bytes *out)
{
    const struct texts *texts = ctx;
    const char *text = strcmp(path, "test.json") == 0         ? texts->config
                       : strcmp(path, "profiles/p.json") == 0 ? texts->profile
                                                              : NULL;
    (void)arena;
    if (text == NULL) {
        return ERR_NOT_FOUND;
    }
    *out = bytes_of(text, strlen(text));
    return OK;
}

void fixture_open(struct fixture *fixture, const char *config, const char *profile)
{
    struct texts texts = {config, profile};
    *fixture = (struct fixture){.arena = arena_of(calloc(1, MEMORY_SIZE), MEMORY_SIZE)};
    assert_non_null(fixture->arena.data);
    fixture->report.items =
        arena_take(&fixture->arena, CONFIG_FINDINGS_MAX, sizeof(*fixture->report.items));
    struct config_source source = {.path = "test.json",
                                   .files = {.read = read_text, .ctx = &texts}};
    enum err err = config_load(&source, &fixture->arena, &fixture->report, &fixture->config);
    for (size_t i = 0; i < fixture->report.count; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&fixture->report.items[i], line, sizeof(line));
        print_message("%s\n", line);
    }
    assert_int_equal(err, OK);
    assert_int_equal(points_build(&fixture->config, &fixture->arena, &fixture->points), OK);
}

void fixture_close(struct fixture *fixture)
{
    free(fixture->arena.data);
}
