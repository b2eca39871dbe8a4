// SPDX-License-Identifier: Apache-2.0
// busward: the command line of the system.
#include "apps/cli/commands.h"
#include "apps/cli/version.h"
#include "base/assert.h"

#include <stdio.h>
#include <string.h>

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("busward " BUSWARD_VERSION);
    return 0;
}

static const struct command COMMANDS[] = {
    {"check", "[--profiles DIR] [--plan] FILE...", "every mistake in configurations or profiles",
     command_check},
    {"keys", "config | profile", "every key with its range and default", command_keys},
    {"schema", "config | profile", "the JSON schema, for editors", command_schema},
    {"version", "", "which version this is", command_version},
};

static void print_help(FILE *out)
{
    fputs("busward: checks configurations and talks to Modbus devices\n\n", out);
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++) {
        fprintf(out, "  busward %s %s\n      %s\n", COMMANDS[i].name, COMMANDS[i].usage,
                COMMANDS[i].help);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0) {
            return COMMANDS[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "busward: no command \"%s\"; `busward help` lists them\n", argv[1]);
    return 2;
}
