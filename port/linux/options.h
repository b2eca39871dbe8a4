// SPDX-License-Identifier: Apache-2.0
// Command line options of a program as one table; parser, range checks and --help come from it.
#ifndef PORT_LINUX_OPTIONS_H
#define PORT_LINUX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_FLAG, // bool; --name
    OPTION_UINT, // uint64_t in min to max; --name 5
    OPTION_REAL, // double in min to max; --name 0.5
    OPTION_TEXT, // const char *, NULL without default; --name text
    OPTION_LIST, // struct option_list; --name may come several times
    OPTION_REST, // struct option_list of the arguments without --; min to max of them
};

#define OPTION_LIST_MAX 64
struct option_list {
    const char *item[OPTION_LIST_MAX]; // point into argv
    size_t count;
};

struct option {
    const char *name; // without --; OPTION_REST: as shown in the usage
    enum option_type type;
    size_t offset;        // of the field in the program's struct
    double min, max;      // max 0: no limits. Required text: min 1
    const char *fallback; // default as text; NULL: zero, false, none
    const char *help;     // one line
};

struct option_table {
    const char *program;
    const char *purpose; // one line
    const struct option *options;
    size_t count;
};

enum option_result {
    OPTIONS_RUN,
    OPTIONS_HELP,  // --help or --version was printed to stdout: exit 0
    OPTIONS_WRONG, // every mistake was printed to stderr: exit 2
};

// Fills *into, a struct of the program's, defaults first. `--name value` and `--name=value`.
// `--log-level` is accepted by every program and set at once; `--help` and `--version` end it.
enum option_result options_parse(const struct option_table *table, int argc, char **argv,
                                 void *into);
// Prints "busward 1.2.3": the program's first word and the version of this tree.
void options_version(const char *program);

#endif
