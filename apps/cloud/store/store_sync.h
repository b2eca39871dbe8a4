// SPDX-License-Identifier: Apache-2.0
// Makes the store's commits outlast a power cut, on a thread beside the writer: a commit itself
// syncs nothing, so a disk that takes its time over a sync holds nobody up. After a power cut the
// store is as of some commit not older than the durable one; what came after that must then be
// read once more, and until then its source must keep it.
#ifndef CLOUD_STORE_STORE_SYNC_H
#define CLOUD_STORE_STORE_SYNC_H

#include "apps/cloud/store/store.h"

struct store_sync {
    struct store *store;
    sqlite3 *handle; // its own connection
    uint64_t synced_commit;
    bool has_synced;
    bool is_doubtful; // a sync of the log failed: what it was for counts once it is in the file
    bool is_lost;     // one of the file failed: nothing is called durable any more in this life
};

// The store must be open, and stay so until store_sync_close().
NODISCARD enum err store_sync_open(struct store_sync *sync, struct store *store);
// What was committed before the call is durable after it, and store_durable() says so. Now and then
// it also moves what the write-ahead log holds into the file. ERR_AGAIN: somebody reads who must
// end first; ERR_IO, ERR_FULL: the disk refuses. store_durable() stays then.
NODISCARD enum err store_sync_run(struct store_sync *sync);
void store_sync_close(struct store_sync *sync);

#endif
