// SPDX-License-Identifier: Apache-2.0
// The bytes of docs/protocol/seglog.md; private to lib/seglog.
#ifndef SEGLOG_FORMAT_H
#define SEGLOG_FORMAT_H

#include "seglog/reader.h"
#include "seglog/seglog.h"

enum { SL_FORMAT_VERSION = 1 };

struct sl_record_header {
    uint32_t crc; // of the header behind it and the payload
    uint8_t kind;
    uint32_t length;       // of the payload
    uint32_t sequence_low; // low 32 bits of the number
    uint32_t synced;       // bytes of this segment that were durable when this was appended
};

void sl_segment_header_encode(uint64_t id, uint8_t out[SL_SEGMENT_HEADER_SIZE]);
// ERR_CORRUPT, ERR_UNSUPPORTED.
NODISCARD enum err sl_segment_header_check(struct bytes in, uint64_t id);

void sl_record_header_encode(struct sl_record_header header, const struct bytes *parts,
                             size_t part_count, uint8_t out[SL_RECORD_HEADER_SIZE]);
struct sl_record_header sl_record_header_decode(const uint8_t in[SL_RECORD_HEADER_SIZE]);

// `size` bytes (at most the window's capacity) from offset, fewer at the end of the segment; valid
// until the next call. Errors of the storage.
NODISCARD enum err sl_window_get(struct sl_window *window, uint64_t offset, size_t size,
                                 struct bytes *out);

// Judges the record at offset, whatever its size: OK; ERR_EMPTY: the segment ends here;
// ERR_CORRUPT: cut short or wrong checksum; else errors of the storage.
NODISCARD enum err sl_window_record(struct sl_window *window, uint64_t offset,
                                    struct sl_record_header *out);

#endif
