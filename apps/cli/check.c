// SPDX-License-Identifier: Apache-2.0
// busward check, schema, keys: what can be said about files without touching a bus.
#include "apps/cli/commands.h"

#include "apps/gateway/check_files_linux.h"
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/fields.h"
#include "apps/gateway/config/profile_words.h"
#include "apps/gateway/files_linux.h"
#include "apps/gateway/methods/methods_table.h"
#include "apps/gateway/poll/plan.h"
#include "base/assert.h"
#include "port/linux/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_options {
    struct option_list files;
    const char *profiles;
    const char *desired;
    bool here;
    bool plan;
};

static const struct option CHECK_OPTIONS[] = {
    {.name = "profiles",
     .type = OPTION_TEXT,
     .offset = offsetof(struct check_options, profiles),
     .help = "folder with more profiles, after profiles/ beside the configuration"},
    {.name = "desired",
     .type = OPTION_TEXT,
     .offset = offsetof(struct check_options, desired),
     .help = "the twin's property config, to lie over it; references: files beside it, named by "
             "their SHA-256"},
    {.name = "here",
     .type = OPTION_FLAG,
     .offset = offsetof(struct check_options, here),
     .help = "this is the gateway's machine, and the user is the gateway's: files that it cannot "
             "use are errors, not warnings"},
    {.name = "plan",
     .type = OPTION_FLAG,
     .offset = offsetof(struct check_options, plan),
     .help = "show the requests that will be made and what they cost"},
    {.name = "FILE",
     .type = OPTION_REST,
     .offset = offsetof(struct check_options, files),
     .min = 1,
     .max = OPTION_LIST_MAX,
     .help = "a configuration or a profile"},
};

static const struct option_table CHECK_TABLE = {
    .program = "busward check",
    .purpose = "Shows every mistake in configurations or profiles; exit code 1 if there is one.",
    .options = CHECK_OPTIONS,
    .count = COUNT_OF(CHECK_OPTIONS),
};

// A profile has a register map, a configuration has buses: asked only to pick the right table.
static bool is_profile(const struct config_source *source, struct arena arena)
{
    struct doc_file file = {.path = source->path};
    struct config_finding items[1];
    struct config_report report = {.items = items, .count = CONFIG_FINDINGS_MAX};
    struct doc_node *root = NULL;
    if (source->files.read(source->files.ctx, &arena, source->path, &file.text) != OK ||
        doc_parse(&file, &arena, &report, &root) != OK) {
        return strstr(source->path, "profiles/") != NULL;
    }
    return doc_member(root, "buses") == NULL && doc_member(root, "groups") != NULL;
}

// Data addresses as people know them: the table's digit and five more, from 1.
static void print_block(const struct points *points, const struct block *block,
                        const struct plan_timing *timing)
{
    static const char CLASSIC[] = {'0', '1', '3', '4'};
    const struct unit *unit = &points->units[block->unit];
    printf("    unit %3u %-20s %-8s %5u..%-5u (%c%05u) %4u of %4u items, every %u ms, %.1f ms\n",
           unit->device->unit, unit->device->name, TABLE_WORDS[block->table], block->address,
           block->address + block->count - 1U, CLASSIC[block->table], block->address + 1U,
           block->item_count, unit->item_count, block->interval_ms,
           (double)plan_block_us(timing, block, PLAN_DELAY_DEFAULT_US) / 1000.0);
}

static void print_plan(struct arena *arena, const struct config *config)
{
    struct points points;
    if (points_build(config, arena, &points) != OK) {
        return;
    }
    struct block *blocks = arena_take(arena, points.item_count, sizeof(*blocks));
    for (uint32_t b = 0; b < config->bus_count && blocks != NULL; b++) {
        struct plan_timing timing = plan_timing_of(&config->buses[b]);
        struct plan_load load = plan_bus_load(&points, b, blocks);
        printf("  bus %s: %zu requests, %.1f %% of its time, %.1f %% with dead units\n",
               config->buses[b].name, load.block_count, (double)load.all_alive_ppm / 10000.0,
               (double)load.with_dead_ppm / 10000.0);
        for (uint32_t u = 0; u < points.unit_count; u++) {
            uint32_t hole_max = plan_hole_max(&timing, PLAN_DELAY_DEFAULT_US);
            size_t count = points.units[u].bus == b ? plan_unit(&points, u, hole_max, blocks) : 0;
            for (size_t i = 0; i < count; i++) {
                print_block(&points, &blocks[i], &timing);
            }
        }
    }
}

enum { FOLDER_SIZE = 1024 };

// What the twin would say, from a file; messages call it "desired". False: it was told.
static bool read_desired(const struct config_source *source, struct arena *arena, const char *path,
                         char folder[FOLDER_SIZE], struct config_overlay *out)
{
    const char *slash = strrchr(path, '/');
    snprintf(folder, FOLDER_SIZE, "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    out->cache_dir = folder;
    enum err err = source->files.read(source->files.ctx, arena, path, &out->text);
    if (err != OK) {
        printf("%s: error: cannot be read (%s)\n", path, err_name(err));
    }
    return err == OK;
}

// Returns the number of errors.
static size_t check_file(const struct check_options *options, const char *path)
{
    struct arena arena;
    struct config_report report;
    if (config_memory(&arena, &report) != OK) {
        fputs("busward: out of memory\n", stderr);
        return 1;
    }
    struct config_source source = {.path = path,
                                   .profiles_dir = options->profiles,
                                   .files = config_files_linux(),
                                   .is_strict = true};
    struct config config;
    struct profile profile;
    enum err err;
    bool of_profile = is_profile(&source, arena);
    arena.is_zero = false; // it wrote there
    char folder[FOLDER_SIZE];
    struct config_overlay overlay;
    if (options->desired != NULL && !of_profile) {
        if (!read_desired(&source, &arena, options->desired, folder, &overlay)) {
            free(arena.data);
            return 1;
        }
        source.overlay = &overlay;
    }
    if (of_profile) {
        err = config_load_profile(&source, &arena, &report, &profile);
    } else {
        err = config_load(&source, &arena, &report, &config);
        if (err == OK) {
            (void)config_check_load(&report, &arena, &config);
        }
        if (err != ERR_FULL) {
            config_check_files(&report, &arena, &config,
                               options->here ? FILES_HERE : FILES_ELSEWHERE);
        }
    }
    for (size_t i = 0; i < report.count; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&report.items[i], line, sizeof(line));
        puts(line);
    }
    printf("%s: %zu error%s, %zu warning%s\n", path, report.error_count,
           report.error_count == 1 ? "" : "s", report.warning_count,
           report.warning_count == 1 ? "" : "s");
    if (err == OK && !of_profile && options->plan) {
        print_plan(&arena, &config);
    }
    size_t errors = report.error_count;
    free(arena.data);
    return err == OK ? errors : errors + 1;
}

int command_check(int argc, char **argv)
{
    struct check_options options = {0};
    switch (options_parse(&CHECK_TABLE, argc, argv, &options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    size_t errors = 0;
    for (size_t i = 0; i < options.files.count; i++) {
        errors += check_file(&options, options.files.item[i]);
    }
    return errors == 0 ? 0 : 1;
}

static int say_usage(FILE *out, const char *command)
{
    fprintf(out, "usage: busward %s config | profile%s\n", command,
            strcmp(command, "keys") == 0 ? " | methods [--markdown]" : "");
    return out == stdout ? 0 : 2;
}

// NULL: *exit_code says how that ends; it was told.
static const struct object_kind *kind_of(int argc, char **argv, int *exit_code)
{
    if (argc == 2 && strcmp(argv[1], "config") == 0) {
        return &CONFIG_KIND;
    }
    if (argc == 2 && strcmp(argv[1], "profile") == 0) {
        return &PROFILE_KIND;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        *exit_code = say_usage(stdout, argv[0]);
        return NULL;
    }
    if (argc > 1) {
        fprintf(stderr, "busward %s: cannot be called with \"%s\"\n", argv[0],
                argv[argc > 2 ? 2 : 1]);
    }
    *exit_code = say_usage(stderr, argv[0]);
    return NULL;
}

int command_keys(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "methods") == 0) {
        methods_help(stdout);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "methods") == 0 && strcmp(argv[2], "--markdown") == 0) {
        methods_markdown(stdout);
        return 0;
    }
    int exit_code = 0;
    const struct object_kind *kind = kind_of(argc, argv, &exit_code);
    if (kind != NULL) {
        fields_help(kind, stdout);
    }
    return exit_code;
}

int command_schema(int argc, char **argv)
{
    enum { SCHEMA_SIZE = 256 * 1024 };
    int exit_code = 0;
    const struct object_kind *kind = kind_of(argc, argv, &exit_code);
    struct arena arena;
    struct config_report report;
    if (kind == NULL) {
        return exit_code;
    }
    if (config_memory(&arena, &report) != OK) {
        return 1;
    }
    uint8_t *text = arena_take(&arena, SCHEMA_SIZE, 1);
    struct writer w = writer_of(text, SCHEMA_SIZE);
    enum err err = text != NULL ? fields_schema(kind, &arena, &w) : ERR_FULL;
    if (err == OK) {
        fwrite(text, 1, writer_bytes(&w).size, stdout);
    }
    free(arena.data);
    return err == OK ? 0 : 1;
}
