// SPDX-License-Identifier: Apache-2.0
// What the files that keep tables in the accounts' database share; ours alone.
#ifndef CLOUD_COMMANDS_PRIVATE_H
#define CLOUD_COMMANDS_PRIVATE_H

#include "apps/cloud/auth/commands.h"

#include <sqlite3.h>

// Logs what SQLite says. ERR_FULL: the disk is; else ERR_IO.
enum err commands_failed(struct commands *c, const char *what);
// NULL if it is wrong; commands_finish() says how.
sqlite3_stmt *commands_prepare(struct commands *c, const char *sql);
// Runs a statement that gives no rows, and ends it.
enum err commands_finish(struct commands *c, sqlite3_stmt *s, const char *what);

#endif
