// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/store_sync.h"

#include "apps/cloud/store/store_parts.h"

#include <string.h>

enum err store_sync_open(struct store_sync *sync, struct store *store)
{
    *sync = (struct store_sync){.store = store};
    enum err err = db_open_sync(&sync->handle, store->cfg.path, store->cfg.vfs);
    if (err != OK) {
        store_sync_close(sync);
    }
    return err;
}

void store_sync_close(struct store_sync *sync)
{
    sqlite3_close(sync->handle);
    sync->handle = NULL;
}

static enum err sync_file(struct store_sync *sync, int which)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(sync->handle, "main", which, (void *)&file);
    if (code != SQLITE_OK || file == NULL || file->pMethods == NULL) {
        return ERR_STATE;
    }
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK ? OK : ERR_IO;
}

static enum err move_log(struct store_sync *sync, int mode)
{
    const int code = sqlite3_wal_checkpoint_v2(sync->handle, NULL, mode, NULL, NULL) & 0xff;
    return code == SQLITE_OK                              ? OK
           : code == SQLITE_BUSY || code == SQLITE_LOCKED ? ERR_AGAIN
           : code == SQLITE_FULL                          ? ERR_FULL
                                                          : ERR_IO;
}

// After a failed sync the kernel may call pages of the log clean that never reached the disk. All
// of it is written into the file, and the log begins anew: no recovery then meets those pages.
static enum err clear_doubt(struct store_sync *sync)
{
    enum err err = move_log(sync, SQLITE_CHECKPOINT_TRUNCATE);
    if (err == OK) {
        err = sync_file(sync, SQLITE_FCNTL_FILE_POINTER);
    }
    if (err == OK) { // that it is empty: its older pages must not be read again without the newer
        err = sync_file(sync, SQLITE_FCNTL_JOURNAL_POINTER);
    }
    sync->is_doubtful = err != OK;
    sync->is_lost = sync->is_lost || err == ERR_IO;
    return err;
}

// The write-ahead log is one file for all connections.
static enum err make_durable(struct store_sync *sync)
{
    if (sync->is_doubtful) {
        return clear_doubt(sync);
    }
    enum err err = sync_file(sync, SQLITE_FCNTL_JOURNAL_POINTER);
    sync->is_doubtful = err != OK;
    return err;
}

enum err store_sync_run(struct store_sync *sync)
{
    struct store *store = sync->store;
    pthread_mutex_lock(&store->lock);
    const uint64_t commit_no = store->commit_no;
    const uint64_t position = store->position;
    const uint64_t rewinds = store->rewinds;
    const int pages = store->log_pages;
    sync->is_lost = sync->is_lost || store->has_lost;
    pthread_mutex_unlock(&store->lock);
    if (sync->is_lost) {
        return ERR_IO;
    }
    if (sync->has_synced && !sync->is_doubtful && commit_no == sync->synced_commit) {
        return OK;
    }
    enum err err = make_durable(sync);
    if (err != OK) {
        return err;
    }
    sync->has_synced = true;
    sync->synced_commit = commit_no;
    pthread_mutex_lock(&store->lock);
    store->durable = rewinds == store->rewinds ? position : store->durable;
    pthread_mutex_unlock(&store->lock);
    if (pages >= store->cfg.move_pages) {
        err = move_log(sync, SQLITE_CHECKPOINT_PASSIVE);
        sync->is_lost = err == ERR_IO; // of the file itself: nobody knows what of it is there
    }
    return err == ERR_AGAIN ? OK : err;
}
