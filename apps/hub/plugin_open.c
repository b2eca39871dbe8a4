// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/plugin.h"

#include "apps/hub/plugin_tls.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

enum { OPEN_BUFFER_SIZE = 256 * 1024 };

static enum err open_log(struct plugin *plugin)
{
    enum err err = linux_storage_open(&plugin->storage, plugin->options.data_dir, false);
    if (err != OK) {
        log_error("hub", "log_folder_refused", "folder=%s err=%s",
                  log_quote(plugin->options.data_dir).text, err_name(err));
        return err;
    }
    err = linux_cells_open(&plugin->cells, plugin->options.data_dir);
    if (err != OK) {
        return err;
    }
    uint8_t *buffer = malloc(OPEN_BUFFER_SIZE);
    if (buffer == NULL) {
        return ERR_FULL;
    }
    struct hub_log_config config = {
        .storage = &plugin->storage.storage,
        .cells = &plugin->cells.cells,
        .buffer = buffer,
        .buffer_size = OPEN_BUFFER_SIZE,
        .bytes_max = plugin->options.log_bytes_max,
    };
    err = hub_log_open(&plugin->log, &config);
    free(buffer);
    const struct sl_recovery *found = &plugin->log.found;
    if (err != OK) {
        log_error("hub", "log_not_opened", "err=%s", err_name(err));
        return err;
    }
    log_info("hub", "log_opened", "first=%" PRIu64 " next=%" PRIu64 " torn_bytes=%" PRIu32,
             found->first, found->next, found->torn_bytes);
    if (found->corrupt_segments > 0) {
        log_error("hub", "log_damaged", "segment=%016" PRIx64 " offset=%" PRIu32,
                  found->corrupt_segment, found->corrupt_offset);
    }
    return OK;
}

static enum err open_quota(struct plugin *plugin)
{
    hub_quota_init(&plugin->quota, &plugin->options.quota);
    enum err err = linux_cells_open(&plugin->quota_cells, plugin->options.data_dir);
    if (err == OK && hub_quota_load(&plugin->quota, &plugin->quota_cells.cells) != OK) {
        log_warn("hub", "quota_unreadable", "file=%s (the day's count begins at 0)",
                 HUB_QUOTA_CELL);
    }
    return err;
}

void plugin_keep_quota(struct plugin *plugin, struct hub_quota_day before)
{
    const struct hub_quota_day *now = &plugin->quota.own;
    bool is_wanted = plugin->quota.limits.messages_per_day > 0;
    bool is_new = now->number != before.number || now->used != before.used;
    if (is_wanted && is_new && hub_quota_save(&plugin->quota, &plugin->quota_cells.cells) != OK) {
        log_warn("hub", "quota_not_kept", "used=%" PRIu64, plugin->quota.own.used);
    }
}

enum err plugin_open(struct plugin *plugin, const struct mosquitto_opt *options, int count)
{
    char fault[HUB_FAULT_SIZE];
    plugin->storage = (struct linux_storage){.folder_fd = -1, .append_fd = -1, .read_fd = -1};
    plugin->cells = (struct linux_cells){.folder_fd = -1, .publish_fd = -1};
    plugin->quota_cells = plugin->cells;
    if (hub_options_read(&plugin->options, options, count, fault) != OK) {
        log_error("hub", "options_refused", "why=%s", log_quote(fault).text);
        return ERR_ARG;
    }
    enum err err = hub_connections_init(&plugin->connections, plugin->options.connections_max);
    if (err == OK) {
        err = hub_tls_install();
    }
    if (err == OK && plugin->options.mode == HUB_MODE_HUB) {
        err = open_log(plugin);
        err = err == OK ? open_quota(plugin) : err;
    }
    struct hub_config config = {
        .mode = plugin->options.mode,
        .directory = &plugin->directory,
        .connections = &plugin->connections,
        .log = plugin->options.mode == HUB_MODE_HUB ? &plugin->log : NULL,
        .quota = plugin->options.mode == HUB_MODE_HUB ? &plugin->quota : NULL,
    };
    if (err == OK && getrandom(&config.boot, sizeof(config.boot), 0) != sizeof(config.boot)) {
        err = ERR_IO;
    }
    if (err == OK) {
        hub_directory_open(&plugin->directory, plugin->options.directory);
        hub_init(&plugin->hub, &config);
    }
    return err;
}

void plugin_free(struct plugin *plugin)
{
    hub_tls_remove();
    hub_directory_close(&plugin->directory);
    hub_connections_deinit(&plugin->connections);
    linux_storage_close(&plugin->storage);
    linux_cells_close(&plugin->cells);
    linux_cells_close(&plugin->quota_cells);
    free(plugin);
}
