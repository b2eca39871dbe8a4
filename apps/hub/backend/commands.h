// SPDX-License-Identifier: Apache-2.0
// What an operator does to hub.db from a shell, while the hub runs or not: import, device, policy,
// enrolment, group, ca. Secrets come from files or are generated, and go to new files (0600) only.
#ifndef HUB_BACKEND_COMMANDS_H
#define HUB_BACKEND_COMMANDS_H

#include <stdio.h>

// argv begins with the command. The exit status; -1: no such command.
int commands_main(int argc, char **argv);
void commands_usage(FILE *to);

#endif
