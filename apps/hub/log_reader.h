// SPDX-License-Identifier: Apache-2.0
// A consumer of the hub's log: follows the synced records and tells the hub how far it has durably
// come, so that the hub may delete. Files: docs/protocol/hub-log.md. On Linux fill cfg.storage and
// cfg.cells from port/linux/storage.h and port/linux/cells.h on the log's folder, and watch the
// file HUB_LOG_HEAD in it with inotify (IN_MODIFY | IN_CLOSE_WRITE) for news.
#ifndef HUB_LOG_READER_H
#define HUB_LOG_READER_H

#include "apps/hub/log_record.h"
#include "port/api/cells.h"
#include "port/api/storage.h"
#include "seglog/reader.h"

#define HUB_LOG_HEAD      "head"
#define HUB_LOG_CONSUMERS "consumers"

enum {
    HUB_CONSUMER_NAME_MAX = 32,
    HUB_LOG_READER_BUFFER_MIN = HUB_RECORD_SIZE_MAX + 64,
};

struct hub_log_reader_config {
    const struct storage *storage; // of the log's folder; read-only will do
    const struct cells *cells;     // of the same folder, writable
    uint8_t *buffer;               // caller's, HUB_LOG_READER_BUFFER_MIN or more (1 MiB is good)
    size_t buffer_size;
    const char *consumer; // [a-z0-9-], up to HUB_CONSUMER_NAME_MAX characters
};

struct hub_log_message {
    uint64_t sequence;
    struct hub_record record; // its spans are valid until the next call
};

struct hub_log_reader {
    // Public to read:
    uint64_t synced;          // last number known durable in the log; 0: none
    uint64_t first;           // at opening: no record below it was held
    bool was_registered;      // at opening, with
    uint64_t registered;      // this as passed; above what the consumer has: its store fell back
    uint64_t passed;          // what this consumer last registered; 0: nothing
    uint64_t corrupt_count;   // damaged segments and records met so far
    struct sl_reader records; // records.next, records.corrupt_segment, .corrupt_offset
    // Private:
    struct hub_log_reader_config cfg;
    struct cell_name mark;
};

// Looks at the log; hub_log_reader_begin follows. ERR_AGAIN: no hub has written here yet (no head);
// ERR_IO.
NODISCARD enum err hub_log_reader_open(struct hub_log_reader *reader,
                                       const struct hub_log_reader_config *cfg);

// Stands at the record after `position`, and has the hub keep what comes after `durable`, which is
// not above it, unless it keeps more already. Take `position` from the transaction that stored the
// messages; `durable` is what no power cut takes back of that. Less than was registered is fine:
// what is still there is read again, and stays there until it is passed again.
NODISCARD enum err hub_log_reader_begin(struct hub_log_reader *reader, uint64_t position,
                                        uint64_t durable);

// The message with that number, wherever the reader stands. ERR_NOT_FOUND: it is not held.
// ERR_CORRUPT, ERR_IO.
NODISCARD enum err hub_log_reader_find(struct hub_log_reader *reader, uint64_t sequence,
                                       struct hub_log_message *out);

// The next durable message. ERR_EMPTY: all read: wait for the head to change. ERR_CORRUPT: records
// are damaged; told once per damage, the next call goes on behind it (sequence numbers skip).
// ERR_IO: nothing moved, try again later. ERR_STATE: the head is gone or went back: this is another
// log now, open it anew. Rereads the head only when it has read up to it.
NODISCARD enum err hub_log_reader_next(struct hub_log_reader *reader, struct hub_log_message *out);

// Records up to and including `sequence` are durably stored by this consumer: the hub may delete
// them. Durable when it returns; call it after the commit, now and then, not for every message. May
// be called on another thread than the rest. ERR_STATE: it is another log now, that has less.
NODISCARD enum err hub_log_reader_pass(struct hub_log_reader *reader, uint64_t sequence);

#endif
