// SPDX-License-Identifier: Apache-2.0
// busward-cloud on Linux: wiring only.
#include "apps/cloud/cloud.h"
#include "base/time.h"
#include "port/linux/cells.h"
#include "port/linux/log.h"
#include "port/linux/storage.h"

#include <signal.h>
#include <sys/stat.h>

static uint64_t on_turn(void *ctx, uint64_t now_us)
{
    (void)ctx;
    (void)now_us;
    return TIME_NEVER; // everything here is an event of libevent's
}

// The hub makes the folder; the cloud may be there first.
static enum err open_log(const char *folder, struct linux_storage *storage,
                         struct linux_cells *cells)
{
    (void)mkdir(folder, 0750);
    enum err err = linux_storage_open(storage, folder, true);
    if (err == OK) {
        err = linux_cells_open(cells, folder);
    }
    if (err != OK) {
        log_error("cloud", "hub_log", "folder=%s err=%s", log_quote(folder).text, err_name(err));
    }
    return err;
}

int main(int argc, char **argv)
{
    static struct cloud cloud;
    static struct loop loop;
    static struct linux_storage storage;
    static struct linux_cells cells;
    switch (settings_parse(argc, argv, &cloud.settings)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    umask(0077);
    signal(SIGPIPE, SIG_IGN);
    if (open_log(cloud.settings.hub_log, &storage, &cells) != OK ||
        loop_init(&loop, on_turn, NULL) != OK) {
        return 1;
    }
    enum err err = cloud_start(&cloud, &loop, &storage.storage, &cells.cells);
    if (err == OK) {
        loop_run(&loop);
        log_info("cloud", "stopping", "%s", "");
        cloud_stop(&cloud);
    } else {
        log_error("cloud", "start", "err=%s", err_name(err));
    }
    loop_deinit(&loop);
    linux_cells_close(&cells);
    linux_storage_close(&storage);
    return err == OK ? 0 : 1;
}
