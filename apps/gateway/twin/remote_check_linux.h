// SPDX-License-Identifier: Apache-2.0
// A configuration from the twin judged before it is tried: its references fetched, the whole
// loaded and checked as at a start, planned against the buses. Blocks: for a worker's thread.
#ifndef GATEWAY_REMOTE_CHECK_LINUX_H
#define GATEWAY_REMOTE_CHECK_LINUX_H

#include "apps/gateway/config/config.h"
#include "apps/gateway/twin/remote_config.h"
#include "apps/gateway/twin/remote_findings.h"

#include <stdatomic.h>

struct remote_check {
    // In:
    const char *path;         // of the local file
    const char *profiles_dir; // NULL: none
    const char *cache_dir;
    const char *ca_file;
    const struct proxy *proxy; // NULL: none
    bool fits;                 // what runs now fits on its buses
    const atomic_bool *stop;
    struct bytes content;
    struct bytes keep[2]; // contents whose references stay in the cache beside this one's
    // Out:
    struct remote_checked result; // points into this struct
    char reason[REMOTE_REASON_SIZE];
    char errors[REMOTE_FINDINGS_SIZE];
    char warnings[REMOTE_FINDINGS_SIZE];
};

// First takes from the cache what neither this content nor `keep` refers to.
void remote_check(struct remote_check *check);

#endif
