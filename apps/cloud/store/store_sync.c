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

// The write-ahead log is one file for all connections.
static enum err sync_log(struct store_sync *sync)
{
    sqlite3_file *log = NULL;
    int code =
        sqlite3_file_control(sync->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);
    if (code == SQLITE_OK && (log == NULL || log->pMethods == NULL)) {
        return ERR_STATE;
    }
    if (code == SQLITE_OK) {
        code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    }
    return code == SQLITE_OK ? OK : ERR_IO;
}

// Into the file, and that synced. ERR_AGAIN: somebody reads or writes, so part of it stays.
static enum err move_log(struct store_sync *sync)
{
    int pages = 0;
    int moved = 0;
    int code =
        sqlite3_wal_checkpoint_v2(sync->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
    if (code == SQLITE_BUSY || (code == SQLITE_OK && moved < pages)) {
        return ERR_AGAIN;
    }
    return code == SQLITE_OK ? OK : code == SQLITE_FULL ? ERR_FULL : ERR_IO;
}

enum err store_sync_run(struct store_sync *sync)
{
    struct store *store = sync->store;
    pthread_mutex_lock(&store->lock);
    const uint64_t commit_no = store->commit_no;
    const uint64_t position = store->position;
    const uint64_t rewinds = store->rewinds;
    const int pages = store->log_pages;
    pthread_mutex_unlock(&store->lock);
    if (sync->has_synced && !sync->is_doubtful && commit_no == sync->synced_commit) {
        return OK;
    }
    // After a failed sync the kernel may call pages clean that never reached the disk: only
    // writing them to another place, and syncing that, makes sure.
    enum err err = sync->is_doubtful ? move_log(sync) : sync_log(sync);
    sync->is_doubtful = err != OK;
    if (err != OK) {
        return err;
    }
    sync->has_synced = true;
    sync->synced_commit = commit_no;
    pthread_mutex_lock(&store->lock);
    store->durable = rewinds == store->rewinds ? position : store->durable;
    pthread_mutex_unlock(&store->lock);
    if (pages >= store->cfg.move_pages) {
        err = move_log(sync);
        sync->is_doubtful = err != OK && err != ERR_AGAIN;
    }
    return err == ERR_AGAIN ? OK : err;
}
