// SPDX-License-Identifier: Apache-2.0
// A disk for SQLite in memory that loses power at a chosen write: what was not synced is then gone,
// there, or torn at a sector, as the seed says. For one thread; several connections may be open.
#ifndef SIM_SQLITE_DISK_H
#define SIM_SQLITE_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SQLITE_DISK_FILES = 8, SQLITE_DISK_SECTOR = 512, SQLITE_DISK_SHM_REGIONS = 8 };

struct sqlite_disk_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

// One write or truncation that no sync has followed yet.
struct sqlite_disk_change {
    struct sqlite_disk_change *next;
    size_t offset;
    size_t size; // bytes; for a truncation the new size of the file
    bool is_truncation;
    uint8_t data[];
};

struct sqlite_disk_file {
    char name[64]; // "": free
    struct sqlite_disk_bytes now;
    struct sqlite_disk_bytes durable;
    struct sqlite_disk_change *first;
    struct sqlite_disk_change *last;
    void *shm[SQLITE_DISK_SHM_REGIONS];
    int shm_shared[8];
    bool shm_exclusive[8];
    int opened;
    int locked; // handles with a shared lock or more
};

struct sqlite_disk {
    sqlite3_vfs vfs; // registered as "sim"
    struct sqlite_disk_file files[SQLITE_DISK_FILES];
    uint64_t seed;
    uint64_t steps;        // writes, truncations, syncs and removals so far
    uint64_t cut_at;       // the step that does not happen any more; 0: never
    uint64_t syncs;        // so far
    uint64_t fail_sync_at; // this one fails, and what it was for never gets there; 0: none
    char failed[64];       // the file that it was for; "": none yet
    uint64_t full_from;    // steps from here on find the disk full; 0: never
    uint64_t full_until;
    bool is_off;
};

void sqlite_disk_init(struct sqlite_disk *disk, uint64_t seed);
void sqlite_disk_deinit(struct sqlite_disk *disk);
// After a cut and after all connections were closed: the power is back.
void sqlite_disk_restart(struct sqlite_disk *disk);
void sqlite_disk_cut(struct sqlite_disk *disk); // now

#endif
