// SPDX-License-Identifier: Apache-2.0
// busward-gateway: polls the buses and keeps what they say until the hub has it.
#include "apps/gateway/fields.h"
#include "apps/gateway/run_linux.h"
#include "base/assert.h"
#include "port/linux/log.h"
#include "port/linux/options.h"

#include <errno.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROGRAM_SIZE = 4096 };

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

// The same program in the same process from the start: there is one way to begin. Whatever a
// library left open is not handed on.
static int begin_anew(const char *program, char **argv)
{
    fflush(NULL);
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    execv(program, argv);
    log_error("gateway", "restart", "program=%s problem=%s", log_quote(program).text,
              log_quote(strerror(errno)).text);
    return 1;
}

int main(int argc, char **argv)
{
    static struct run run; // large, and alive as long as the program
    struct options options;
    switch (options_parse(&TABLE, argc, argv, &options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    if (setup_config(&run.setup, options.config, options.profiles) != OK) {
        return 1;
    }
    if (options.dump_config) {
        fields_dump(&CONFIG_KIND, &run.setup.config, stdout);
        return 0;
    }
    // Before an update can put another file in its place: that one then begins.
    char program[PROGRAM_SIZE] = "";
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[size > 0 ? size : 0] = '\0';
    run.sync_trace = options.sync_trace;
    run.trust_clock = options.trust_clock;
    enum err err = run_gateway(&run);
    return err == ERR_AGAIN ? begin_anew(program, argv) : err == OK ? 0 : 1;
}
