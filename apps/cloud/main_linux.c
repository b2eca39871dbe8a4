// SPDX-License-Identifier: Apache-2.0
// busward-cloud on Linux: wiring only.
#include "apps/cloud/cloud.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <signal.h>
#include <sys/stat.h>

static uint64_t on_turn(void *ctx, uint64_t now_us)
{
    (void)ctx;
    (void)now_us;
    return TIME_NEVER; // everything here is an event of libevent's
}

int main(int argc, char **argv)
{
    static struct cloud cloud;
    static struct loop loop;
    switch (settings_parse(argc, argv, &cloud.settings)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    umask(0077);
    signal(SIGPIPE, SIG_IGN);
    if (cloud.settings.new_setup_link) {
        return cloud_new_setup_link(&cloud) == OK ? 0 : 1;
    }
    if (loop_init(&loop, on_turn, NULL) != OK) {
        return 1;
    }
    enum err err = cloud_start(&cloud, &loop);
    if (err == OK) {
        loop_run(&loop);
        log_info("cloud", "stopping", "%s", "");
        cloud_stop(&cloud);
    } else {
        log_error("cloud", "start", "err=%s", err_name(err));
    }
    loop_deinit(&loop);
    return err == OK ? 0 : 1;
}
