// SPDX-License-Identifier: Apache-2.0
// busward: the command line of the system.
#include "apps/cli/commands.h"
#include "base/assert.h"
#include "port/linux/log.h"
#include "port/linux/options.h"

#include <stdio.h>
#include <string.h>

static int command_version(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--help") != 0) {
        fprintf(stderr, "busward version: takes no word: \"%s\"\n", argv[1]);
        return 2;
    }
    if (argc > 1) {
        puts("usage: busward version");
    } else {
        options_version("busward");
    }
    return 0;
}

static const struct command COMMANDS[] = {
    {"check", "[--profiles DIR] [--desired FILE] [--here] [--plan] FILE...",
     "every mistake in configurations or profiles", command_check},
    {"enroll", "--config FILE (--id-scope ID | --hub NAME) --group-key-file FILE ...",
     "takes a new box to its first telemetry: every step checked, keys and hub section written",
     command_enroll},
    {"keys", "config | profile | methods", "every key with its range and default", command_keys},
    {"line-test", "--port PORT [--from N] [--to N] [--count N]",
     "is this line all right? quiet, driver, echo, each unit's turn-around", command_line_test},
    {"read", "--port PORT --unit N --table input|holding|coil|discrete --address A --count N",
     "what a unit says, once", command_read},
    {"scan", "--port PORT [--from N] [--to N]", "who is on a bus, and what it says it is",
     command_scan},
    {"schema", "config | profile", "the JSON schema, for editors", command_schema},
    {"sniff", "--port PORT [--count N] [--seconds N] [--hex]",
     "prints every frame on a line, without a word of its own", command_sniff},
    {"write", "--port PORT --unit N --table holding|coil --address A --yes VALUE...",
     "writes values and reads them back", command_write},
    {"version", "", "which version this is", command_version},
};

static void print_help(FILE *out)
{
    fputs("busward: checks configurations and talks to Modbus devices\n\n", out);
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++) {
        fprintf(out, "  busward %s %s\n      %s\n", COMMANDS[i].name, COMMANDS[i].usage,
                COMMANDS[i].help);
    }
    fputs("\n`busward COMMAND --help` lists the options of those that have any.\n", out);
}

int main(int argc, char **argv)
{
    // A command's own words are what is asked for; --log-level info tells the rest.
    const enum err err = log_set_level("warn");
    ASSERT(err == OK);
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        options_version("busward");
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
