// SPDX-License-Identifier: Apache-2.0
// Files that are named by their SHA-256, fetched by HTTPS into a folder. Blocks, for minutes if the
// server is slow: for a worker's thread.
#ifndef PORT_LINUX_FETCH_H
#define PORT_LINUX_FETCH_H

#include "base/err.h"
#include "port/linux/proxy.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { FETCH_REASON_SIZE = 160 };

struct fetch_request {
    const char *url;           // https only, redirects included
    const char *sha256;        // 64 small hex digits: of the bytes, and the file's name
    const char *folder;        // created (mode 0750) if it is missing
    const char *ca_file;       // authorities.h: who may vouch for the server
    size_t size_max;           // bytes
    const struct proxy *proxy; // NULL: as the environment says (https_proxy)
    const atomic_bool *stop;   // set: the call ends soon, with ERR_CLOSED; may be NULL
};

// Before anything else of it, while there is one thread.
void fetch_init(void);
// OK: the file lies in the folder, whole and synced; without a request if it did already. ERR_SIZE,
// ERR_CORRUPT (another hash), ERR_IO (server, network or medium), ERR_CLOSED; then reason says why,
// for people, and the folder is as it was.
NODISCARD enum err fetch_file(const struct fetch_request *request, char reason[FETCH_REASON_SIZE]);
// Takes away all files of the folder but these.
void fetch_keep(const char *folder, const char *const *hashes, size_t count);

#endif
