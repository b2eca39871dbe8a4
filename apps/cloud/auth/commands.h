// SPDX-License-Identifier: Apache-2.0
// Who told which gateway to do what, and what came of it: a table of the accounts' file, by a
// connection of its own, so that no login's argon2 holds a command up. A command is written down
// before it is sent; one without an outcome was under way when the cloud ended.
//
// After commands_open all functions belong to the one worker thread; they block.
#ifndef CLOUD_AUTH_COMMANDS_H
#define CLOUD_AUTH_COMMANDS_H

#include "apps/cloud/auth/sessions.h"
#include "base/err.h"

#include <sqlite3.h>

enum {
    COMMAND_ROWS_MAX = 100000,
    COMMAND_ACTION_MAX = 32,
    COMMAND_ARGUMENTS_MAX = 2048, // bytes kept; a longer text is cut
    COMMAND_OUTCOME_MAX = 256,
};

struct commands {
    sqlite3 *handle;
};

struct command_row {
    int64_t id;
    int64_t at_ms;
    const char *user;
    const char *address; // NULL in a list without
    const char *site;
    const char *action;
    const char *arguments; // JSON, or its beginning
    const char *outcome;   // NULL: none is known
    int64_t done_ms;
};

NODISCARD enum err commands_open(struct commands *commands, const char *folder);
void commands_close(struct commands *commands);
// Durable when it returns OK; *id is then the row's.
NODISCARD enum err commands_begin(struct commands *commands, const struct command_row *row,
                                  int64_t *id);
NODISCARD enum err commands_end(struct commands *commands, int64_t id, int64_t now_ms,
                                const char *outcome);
// Newest first. From where somebody acted is for those who may audit.
struct command_list {
    const char *site;
    uint32_t limit;
    bool with_address;
};
NODISCARD enum err commands_list(struct commands *commands, const struct command_list *list,
                                 void (*row)(void *ctx, const struct command_row *row), void *ctx);

#endif
