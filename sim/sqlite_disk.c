// SPDX-License-Identifier: Apache-2.0
#include "sim/sqlite_disk.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

struct disk_handle {
    sqlite3_file base;
    struct sqlite_disk *disk;
    struct sqlite_disk_file *file;
    int lock;
    int shm_shared[8];
    bool shm_exclusive[8];
};

static struct disk_handle *handle_of(sqlite3_file *file)
{
    return (struct disk_handle *)(void *)file;
}

static uint64_t next_random(struct sqlite_disk *disk)
{
    disk->seed ^= disk->seed << 13;
    disk->seed ^= disk->seed >> 7;
    disk->seed ^= disk->seed << 17;
    return disk->seed;
}

static void resize(struct sqlite_disk_bytes *bytes, size_t size)
{
    if (size > bytes->capacity) {
        bytes->capacity = size * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
        ASSERT(bytes->data != NULL);
    }
    if (size > bytes->size) {
        memset(bytes->data + bytes->size, 0, size - bytes->size);
    }
    bytes->size = size;
}

static void put(struct sqlite_disk_bytes *bytes, size_t offset, const uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    if (offset + size > bytes->size) {
        resize(bytes, offset + size);
    }
    memcpy(bytes->data + offset, data, size);
}

static void forget_changes(struct sqlite_disk_file *file)
{
    while (file->first != NULL) {
        struct sqlite_disk_change *next = file->first->next;
        free(file->first);
        file->first = next;
    }
    file->last = NULL;
}

static void remember(struct sqlite_disk_file *file, struct sqlite_disk_change *change)
{
    if (file->last == NULL) {
        file->first = change;
    } else {
        file->last->next = change;
    }
    file->last = change;
}

// One more step; SQLITE_OK if it may happen.
static int take_step(struct sqlite_disk *disk)
{
    if (disk->is_off) {
        return SQLITE_IOERR;
    }
    disk->steps++;
    if (disk->cut_at != 0 && disk->steps >= disk->cut_at) {
        disk->is_off = true;
        return SQLITE_IOERR;
    }
    if (disk->full_from != 0 && disk->steps >= disk->full_from && disk->steps < disk->full_until) {
        return SQLITE_FULL;
    }
    return SQLITE_OK;
}

static int disk_close(sqlite3_file *f)
{
    struct disk_handle *h = handle_of(f);
    h->file->opened--;
    return SQLITE_OK;
}

static int disk_read(sqlite3_file *f, void *out, int size, sqlite3_int64 offset)
{
    struct disk_handle *h = handle_of(f);
    const struct sqlite_disk_bytes *now = &h->file->now;
    if (h->disk->is_off) {
        return SQLITE_IOERR_READ;
    }
    memset(out, 0, (size_t)size);
    if ((size_t)offset >= now->size) {
        return SQLITE_IOERR_SHORT_READ;
    }
    const size_t left = now->size - (size_t)offset;
    memcpy(out, now->data + offset, left < (size_t)size ? left : (size_t)size);
    return left < (size_t)size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int disk_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 offset)
{
    struct disk_handle *h = handle_of(f);
    struct sqlite_disk_change *change = malloc(sizeof(*change) + (size_t)size);
    ASSERT(change != NULL);
    *change = (struct sqlite_disk_change){.offset = (size_t)offset, .size = (size_t)size};
    memcpy(change->data, data, (size_t)size);
    const int code = take_step(h->disk);
    // The write under way when the power goes may be there, in part or not: remembered in any case.
    if (code == SQLITE_FULL) {
        free(change);
        return code;
    }
    if (code == SQLITE_OK || h->disk->steps == h->disk->cut_at) {
        remember(h->file, change);
    } else {
        free(change);
    }
    if (code == SQLITE_OK) {
        put(&h->file->now, (size_t)offset, data, (size_t)size);
    }
    return code;
}

static int disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct disk_handle *h = handle_of(f);
    const int code = take_step(h->disk);
    if (code == SQLITE_OK) {
        struct sqlite_disk_change *change = malloc(sizeof(*change));
        ASSERT(change != NULL);
        *change = (struct sqlite_disk_change){.size = (size_t)size, .is_truncation = true};
        remember(h->file, change);
        resize(&h->file->now, (size_t)size);
    }
    return code;
}

static int disk_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    struct disk_handle *h = handle_of(f);
    const int code = take_step(h->disk);
    if (code != SQLITE_OK) {
        return code;
    }
    const bool fails = ++h->disk->syncs == h->disk->fail_sync_at;
    for (const struct sqlite_disk_change *c = fails ? NULL : h->file->first; c != NULL;
         c = c->next) {
        if (c->is_truncation) {
            resize(&h->file->durable, c->size);
        } else {
            put(&h->file->durable, c->offset, c->data, c->size);
        }
    }
    forget_changes(h->file);
    if (fails) {
        memcpy(h->disk->failed, h->file->name, sizeof(h->disk->failed));
    }
    return fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int disk_size(sqlite3_file *f, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)handle_of(f)->file->now.size;
    return SQLITE_OK;
}

// In WAL mode every connection keeps a shared lock; the last one to close takes the exclusive one.
static int disk_lock(sqlite3_file *f, int level)
{
    struct disk_handle *h = handle_of(f);
    const int others = h->file->locked - (h->lock >= SQLITE_LOCK_SHARED ? 1 : 0);
    if (level == SQLITE_LOCK_EXCLUSIVE && others > 0) {
        return SQLITE_BUSY;
    }
    h->file->locked = others + 1;
    h->lock = level;
    return SQLITE_OK;
}

static int disk_unlock(sqlite3_file *f, int level)
{
    struct disk_handle *h = handle_of(f);
    if (level == SQLITE_LOCK_NONE && h->lock >= SQLITE_LOCK_SHARED) {
        h->file->locked--;
    }
    h->lock = level;
    return SQLITE_OK;
}

static int disk_reserved(sqlite3_file *f, int *out)
{
    *out = handle_of(f)->lock >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int disk_control(sqlite3_file *f, int op, void *arg)
{
    (void)f;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int disk_sector(sqlite3_file *f)
{
    (void)f;
    return SQLITE_DISK_SECTOR;
}

static int disk_traits(sqlite3_file *f)
{
    (void)f;
    return 0;
}

static int shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
    struct disk_handle *h = handle_of(f);
    ASSERT(region < SQLITE_DISK_SHM_REGIONS);
    if (h->file->shm[region] == NULL && extend != 0) {
        h->file->shm[region] = calloc(1, (size_t)size);
        ASSERT(h->file->shm[region] != NULL);
    }
    *out = h->file->shm[region];
    return SQLITE_OK;
}

static int shm_lock(sqlite3_file *f, int offset, int count, int flags)
{
    struct disk_handle *h = handle_of(f);
    const bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
    for (int i = offset; i < offset + count && (flags & SQLITE_SHM_LOCK) != 0; i++) {
        const bool others = h->file->shm_shared[i] > h->shm_shared[i];
        if ((h->file->shm_exclusive[i] && !h->shm_exclusive[i]) || (!is_shared && others)) {
            return SQLITE_BUSY;
        }
    }
    for (int i = offset; i < offset + count; i++) {
        if (is_shared) {
            const int change =
                (flags & SQLITE_SHM_LOCK) != 0 ? 1 - h->shm_shared[i] : -h->shm_shared[i];
            h->shm_shared[i] += change;
            h->file->shm_shared[i] += change;
        } else {
            h->shm_exclusive[i] = (flags & SQLITE_SHM_LOCK) != 0;
            h->file->shm_exclusive[i] = h->shm_exclusive[i];
        }
    }
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *f)
{
    (void)f;
}

static int shm_unmap(sqlite3_file *f, int remove)
{
    struct disk_handle *h = handle_of(f);
    for (int i = 0; i < SQLITE_DISK_SHM_REGIONS && remove != 0; i++) {
        free(h->file->shm[i]);
        h->file->shm[i] = NULL;
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = disk_close,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_reserved,
    .xFileControl = disk_control,
    .xSectorSize = disk_sector,
    .xDeviceCharacteristics = disk_traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

static struct sqlite_disk_file *find(struct sqlite_disk *disk, const char *name)
{
    for (int i = 0; i < SQLITE_DISK_FILES; i++) {
        if (strcmp(disk->files[i].name, name) == 0) {
            return &disk->files[i];
        }
    }
    return NULL;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    struct sqlite_disk *disk = vfs->pAppData;
    f->pMethods = NULL;
    if (disk->is_off || name == NULL || strlen(name) >= sizeof(disk->files[0].name)) {
        return SQLITE_CANTOPEN;
    }
    struct sqlite_disk_file *file = find(disk, name);
    if (file == NULL) {
        file = (flags & SQLITE_OPEN_CREATE) != 0 ? find(disk, "") : NULL;
        if (file == NULL) {
            return SQLITE_CANTOPEN;
        }
        memcpy(file->name, name, strlen(name) + 1);
    }
    file->opened++;
    *handle_of(f) = (struct disk_handle){
        .base.pMethods = &methods, .disk = disk, .file = file, .lock = SQLITE_LOCK_NONE};
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static void remove_file(struct sqlite_disk_file *file)
{
    forget_changes(file);
    free(file->now.data);
    free(file->durable.data);
    for (int i = 0; i < SQLITE_DISK_SHM_REGIONS; i++) {
        free(file->shm[i]);
    }
    *file = (struct sqlite_disk_file){0};
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)sync;
    struct sqlite_disk *disk = vfs->pAppData;
    const int code = take_step(disk);
    struct sqlite_disk_file *file = find(disk, name);
    if (code == SQLITE_OK && file != NULL) {
        remove_file(file);
    }
    return code;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)flags;
    const struct sqlite_disk_file *file = find(vfs->pAppData, name);
    *out = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->now.size > 0);
    return SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    return sqlite3_snprintf(size, out, "%s", name) != NULL ? SQLITE_OK : SQLITE_CANTOPEN;
}

void sqlite_disk_init(struct sqlite_disk *disk, uint64_t seed)
{
    const sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    *disk = (struct sqlite_disk){.seed = seed * 2 + 1};
    disk->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = sizeof(struct disk_handle),
        .mxPathname = 63,
        .zName = "sim",
        .pAppData = disk,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_path,
        .xRandomness = system->xRandomness,
        .xSleep = system->xSleep,
        .xCurrentTime = system->xCurrentTime,
    };
    sqlite3_vfs_register(&disk->vfs, 0);
}

void sqlite_disk_deinit(struct sqlite_disk *disk)
{
    sqlite3_vfs_unregister(&disk->vfs);
    for (int i = 0; i < SQLITE_DISK_FILES; i++) {
        remove_file(&disk->files[i]);
    }
}

static void apply_torn(struct sqlite_disk *disk, struct sqlite_disk_file *file,
                       const struct sqlite_disk_change *c)
{
    for (size_t at = 0; at < c->size; at += SQLITE_DISK_SECTOR) {
        const size_t left = c->size - at;
        if (next_random(disk) % 2 == 0) {
            put(&file->durable, c->offset + at, c->data + at,
                left < SQLITE_DISK_SECTOR ? left : SQLITE_DISK_SECTOR);
        }
    }
}

// What a change that was not synced leaves: nothing, some of its sectors, or all of it.
static void apply_by_luck(struct sqlite_disk *disk, struct sqlite_disk_file *file,
                          const struct sqlite_disk_change *c)
{
    const uint64_t luck = next_random(disk) % 4;
    if (luck == 0) {
        return;
    }
    if (c->is_truncation) {
        if (luck > 1) {
            resize(&file->durable, c->size);
        }
    } else if (luck == 1) {
        apply_torn(disk, file, c);
    } else {
        put(&file->durable, c->offset, c->data, c->size);
    }
}

static void restart_file(struct sqlite_disk *disk, struct sqlite_disk_file *file)
{
    ASSERT(file->opened == 0);
    for (const struct sqlite_disk_change *c = file->first; c != NULL; c = c->next) {
        apply_by_luck(disk, file, c);
    }
    forget_changes(file);
    for (int i = 0; i < SQLITE_DISK_SHM_REGIONS; i++) {
        free(file->shm[i]);
        file->shm[i] = NULL;
    }
    resize(&file->now, file->durable.size);
    put(&file->now, 0, file->durable.data, file->durable.size);
    file->locked = 0;
    memset(file->shm_shared, 0, sizeof(file->shm_shared));
    memset(file->shm_exclusive, 0, sizeof(file->shm_exclusive));
}

void sqlite_disk_cut(struct sqlite_disk *disk)
{
    disk->is_off = true;
}

void sqlite_disk_restart(struct sqlite_disk *disk)
{
    for (int i = 0; i < SQLITE_DISK_FILES; i++) {
        if (disk->files[i].name[0] != '\0') {
            restart_file(disk, &disk->files[i]);
        }
    }
    disk->is_off = false;
    disk->cut_at = 0;
}
