// SPDX-License-Identifier: Apache-2.0
// Where the authorities lie that may vouch for a server: in a PEM file, which is read whole, or in
// a folder where each lies under the hash of its name (`openssl rehash`), so that only the one that
// is asked for is read. A handshake with the 140 of a usual system takes a megabyte and a half of
// memory by the first way and next to none by the second.
#ifndef PORT_LINUX_AUTHORITIES_H
#define PORT_LINUX_AUTHORITIES_H

#include <stdbool.h>
#include <stddef.h>

bool authorities_is_folder(const char *path);
// NULL: they can be used, as far as names tell; else what is wrong, in static words or the C
// library's.
const char *authorities_problem(const char *path);

// The setting itself; of NULL and "" the system's, in static storage.
const char *authorities_path(const char *setting);
// folder, if it holds as many under their hashes as bundle holds in all, so that nobody is missed;
// else bundle.
const char *authorities_choose(const char *folder, const char *bundle);

// Calls `use` with the path of each hashed certificate in the folder that can be read, in no order,
// until it says false. How many there were.
size_t authorities_each(const char *folder, bool (*use)(void *ctx, const char *path), void *ctx);

#endif
