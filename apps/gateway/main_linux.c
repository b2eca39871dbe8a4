// SPDX-License-Identifier: Apache-2.0
// busward-gateway: polls the buses and keeps what they say until the hub has it.
#include "apps/gateway/config/fields.h"
#include "apps/gateway/restart_linux.h"
#include "apps/gateway/run_linux.h"
#include "base/assert.h"
#include "port/linux/options.h"

#include <stdio.h>

struct options {
    const char *config;
    const char *profiles;
    const char *sync_trace;
    bool trust_clock;
    bool dump_config;
};

static const struct option OPTIONS[] = {
    {.name = "config",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, config),
     .min = 1,
     .help = "the configuration file; `busward keys config` lists its keys"},
    {.name = "profiles",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, profiles),
     .help = "folder with more device profiles, after profiles/ beside the configuration"},
    {.name = "sync-trace",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, sync_trace),
     .help = "append a JSON line for every sample that is safe on disk"},
    {.name = "trust-clock",
     .type = OPTION_FLAG,
     .offset = offsetof(struct options, trust_clock),
     .help = "believe the clock although the kernel does not call it synchronised"},
    {.name = "dump-config",
     .type = OPTION_FLAG,
     .offset = offsetof(struct options, dump_config),
     .help = "print the configuration with all defaults, and end"},
};

static const struct option_table TABLE = {
    .program = "busward-gateway",
    .purpose = "Polls Modbus devices and delivers their samples to the hub, losing none.",
    .options = OPTIONS,
    .count = COUNT_OF(OPTIONS),
};

int main(int argc, char **argv)
{
    static struct run run; // large, and alive as long as the program
    struct options options;
    restart_remember(argv);
    switch (options_parse(&TABLE, argc, argv, &options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    enum files_place place = options.dump_config ? FILES_ELSEWHERE : FILES_RUNNING;
    if (setup_config(&run.setup, options.config, options.profiles, place) != OK) {
        return 1;
    }
    if (options.dump_config) {
        fields_dump(&CONFIG_KIND, &run.setup.config, stdout);
        return 0;
    }
    run.sync_trace = options.sync_trace;
    run.trust_clock = options.trust_clock;
    enum err err = run_gateway(&run);
    err = err == ERR_AGAIN ? restart_now() : err;
    return err == OK ? 0 : 1;
}
