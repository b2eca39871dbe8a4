// SPDX-License-Identifier: Apache-2.0
// Where the authorities lie that may vouch for a server: one after another in a PEM file, or in a
// folder, each under the hash of its name (`openssl rehash`).
#ifndef PORT_LINUX_AUTHORITIES_H
#define PORT_LINUX_AUTHORITIES_H

#include <stdbool.h>
#include <stddef.h>

bool authorities_is_folder(const char *path);
// NULL: they can be used, as far as names tell; else what is wrong, in static words or the C
// library's.
const char *authorities_problem(const char *path);

// Calls `use` with the path of each hashed certificate in the folder that can be read, in no order,
// until it says false. How many there were.
size_t authorities_each(const char *folder, bool (*use)(void *ctx, const char *path), void *ctx);

#endif
