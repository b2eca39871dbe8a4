// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/config.h"

#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/config_overlay.h"
#include "apps/gateway/config/fields.h"
#include "apps/gateway/config/profile_check.h"
#include "base/crc.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 1024 };

struct load {
    const struct config_source *source;
    struct arena *arena;
    struct config_report *report;
    struct config *config;
    struct config_layers layers; // over the file
    uint64_t hash;
};

__attribute__((format(printf, 3, 4))) static void
file_error(struct config_report *report, const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)report_add(report, (struct report_place){.file = path}, format, arguments);
    va_end(arguments);
}

static void report_unread(struct config_report *report, const char *path, enum err err)
{
    if (err == ERR_NOT_FOUND) {
        file_error(report, path, "is not there: no file has this name");
    } else if (err == ERR_DENIED) {
        file_error(report, path, "must not be read by this user: the owner may allow it (chmod)");
    } else if (err == ERR_UNSUPPORTED) {
        file_error(report, path, "is a folder or a device; expected a file with a JSON object");
    } else if (err == ERR_SIZE) {
        file_error(report, path, "is larger than a file may be, %d KiB",
                   CONFIG_FILE_SIZE_MAX / 1024);
    } else if (err != ERR_FULL) { // that the arena is full is told at the end, once
        file_error(report, path, "cannot be read (%s)", err_name(err));
    }
}

// Reads and parses; NULL after it reported what is wrong. is_found (may be NULL): a file that is
// not there is no mistake yet.
static struct doc_node *read_file(struct load *load, const char *path, bool *is_found)
{
    struct doc_file *file = arena_take(load->arena, 1, sizeof(*file));
    struct doc_node *root = NULL;
    if (file == NULL) {
        return NULL;
    }
    const struct config_files *files = &load->source->files;
    enum err err = files->read(files->ctx, load->arena, path, &file->text);
    if (is_found != NULL) {
        *is_found = err != ERR_NOT_FOUND;
    }
    if (err != OK) {
        if (is_found == NULL || err != ERR_NOT_FOUND) {
            report_unread(load->report, path, err);
        }
        return NULL;
    }
    if (file->text.size == 0) {
        file_error(load->report, path, "is empty; expected a JSON object");
        return NULL;
    }
    file->path = arena_text(load->arena, bytes_of(path, strlen(path)));
    load->hash = hash64(load->hash, file->text);
    return doc_parse(file, load->arena, load->report, &root) == OK ? root : NULL;
}

static void read_profile(struct load *load, const struct doc_node *root, struct profile *out)
{
    struct fields_context context = {load->arena, load->report};
    fields_read(&context, root, &PROFILE_KIND, out);
    if (!load->arena->is_full) {
        profile_check(load->report, out, load->source->is_strict);
    }
}

// What the twin says about a profile goes before files of its name. False: nothing.
static bool open_overlaid(struct load *load, const char *name, const struct doc_node **root)
{
    char path[PATH_SIZE];
    struct config_ref ref = {0};
    if (!config_overlay_profile(load->report, &load->layers, name, root, &ref)) {
        return false;
    }
    if (*root == NULL) {
        bool is_found = false;
        snprintf(path, sizeof(path), "%s/%s", load->source->overlay->cache_dir, ref.sha256);
        *root = read_file(load, path, &is_found);
        if (!is_found) {
            doc_error(load->report, ref.node, "was not fetched yet");
        }
    }
    return true;
}

// Of the twin, or "dir/profiles/name.json" beside the configuration, or in the folder that was
// given.
static const struct doc_node *open_profile(struct load *load, const struct config_device *device)
{
    const struct doc_node *overlaid = NULL;
    if (open_overlaid(load, device->profile_name, &overlaid)) {
        return overlaid;
    }
    char beside[PATH_SIZE];
    char given[PATH_SIZE];
    const char *config = load->source->path;
    const char *slash = strrchr(config, '/');
    int dir_size = slash == NULL ? 0 : (int)(slash - config) + 1;
    snprintf(beside, sizeof(beside), "%.*sprofiles/%s.json", dir_size, config,
             device->profile_name);
    bool is_found = false;
    struct doc_node *root = read_file(load, beside, &is_found);
    if (is_found) {
        return root;
    }
    const char *dir = load->source->profiles_dir;
    if (dir != NULL) {
        snprintf(given, sizeof(given), "%s/%s.json", dir, device->profile_name);
        root = read_file(load, given, &is_found);
    }
    if (!is_found) {
        doc_error(load->report, doc_member(device->node, "profile"),
                  "no profile \"%s\": looked for %s%s%s", device->profile_name, beside,
                  dir != NULL ? " and " : "; --profiles names another folder",
                  dir != NULL ? given : "");
    }
    return root;
}

// The profile of that name, loaded once. NULL after it was reported.
static const struct profile *find_profile(struct load *load, const struct config_device *device)
{
    struct config *config = load->config;
    for (size_t i = 0; i < config->profile_count; i++) {
        if (strcmp(config->profiles[i]->name, device->profile_name) == 0) {
            return config->profiles[i]->node != NULL ? config->profiles[i] : NULL;
        }
    }
    if (config->profile_count == CONFIG_PROFILES_MAX) {
        doc_error(load->report, device->node, "more than %d profiles", CONFIG_PROFILES_MAX);
        return NULL;
    }
    struct profile *profile = arena_take(load->arena, 1, sizeof(*profile));
    if (profile == NULL) {
        return NULL;
    }
    const struct doc_node *root = open_profile(load, device);
    if (root != NULL) {
        read_profile(load, root, profile);
        const struct doc_node *name = doc_member(root, "name");
        if (name != NULL && strcmp(profile->name, device->profile_name) != 0) {
            doc_error(load->report, name, "the file is named \"%s\"", device->profile_name);
        }
    }
    profile->name = device->profile_name;
    config->profiles[config->profile_count++] = profile;
    return profile->node != NULL ? profile : NULL;
}

static void load_profiles(struct load *load)
{
    for (size_t b = 0; b < load->config->bus_count; b++) {
        struct config_bus *bus = &load->config->buses[b];
        for (size_t d = 0; d < bus->device_count && !load->arena->is_full; d++) {
            struct config_device *device = &bus->devices[d];
            if (device->node != NULL && device->profile_name[0] != '\0') {
                device->profile = find_profile(load, device);
            }
        }
    }
}

static enum err end_load(struct load *load)
{
    report_sort(load->report);
    if (load->arena->is_full) {
        file_error(load->report, load->source->path, "is too large: the memory for it is %zu KiB",
                   load->arena->capacity / 1024);
        return ERR_FULL;
    }
    return load->report->error_count == 0 ? OK : ERR_CORRUPT;
}

// The tree that counts: the file's, with the layers over it.
static const struct doc_node *overlay(struct load *load, const struct doc_node *root)
{
    if (load->source->overlay == NULL || root->type != JSON_OBJECT) {
        return root;
    }
    config_overlay_open(load->source, load->arena, load->report, &load->hash, &load->layers);
    if (load->layers.is_missing) {
        file_error(load->report, "desired", "what \"ref\" names was not fetched yet");
    }
    return config_overlay_merge(load->report, load->arena, root, &load->layers);
}

enum err config_load(const struct config_source *source, struct arena *arena,
                     struct config_report *report, struct config *out)
{
    struct load load = {
        .source = source, .arena = arena, .report = report, .config = out, .hash = HASH64_START};
    *out = (struct config){0};
    const struct doc_node *root = read_file(&load, source->path, NULL);
    root = root != NULL ? overlay(&load, root) : NULL;
    if (root != NULL) {
        struct fields_context context = {arena, report};
        fields_read(&context, root, &CONFIG_KIND, out);
        load_profiles(&load);
        if (!arena->is_full) {
            config_overlay_marks(report, out);
            config_check(report, arena, out);
        }
        out->hash = load.hash;
    }
    return end_load(&load);
}

enum err config_load_profile(const struct config_source *source, struct arena *arena,
                             struct config_report *report, struct profile *out)
{
    struct load load = {.source = source, .arena = arena, .report = report, .hash = HASH64_START};
    *out = (struct profile){0};
    struct doc_node *root = read_file(&load, source->path, NULL);
    if (root != NULL) {
        read_profile(&load, root, out);
    }
    return end_load(&load);
}
