// SPDX-License-Identifier: Apache-2.0
// The commands of `busward`. Each gets its own arguments (argv[0] is the command's name) and
// returns the exit code: 0 fine, 1 something is wrong, 2 called wrongly.
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

struct command {
    const char *name;
    const char *usage;
    const char *help;
    int (*run)(int argc, char **argv);
};

int command_read(int argc, char **argv);
int command_write(int argc, char **argv);
int command_line_test(int argc, char **argv);
int command_scan(int argc, char **argv);
int command_sniff(int argc, char **argv);
int command_enroll(int argc, char **argv);
int command_check(int argc, char **argv);
int command_schema(int argc, char **argv);
int command_keys(int argc, char **argv);

#endif
