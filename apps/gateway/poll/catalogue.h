// SPDX-License-Identifier: Apache-2.0
// Stable ids for points and sensors: name -> id, never reused, kept in `<data_dir>/ids`. A name
// that went away keeps its id, so that it is the same point when it comes back.
//
// File: lines "busward-ids 1", "next <n>", then "<id> <name>" each, then "crc <8 hex digits>" over
// all bytes before it.
#ifndef GATEWAY_CATALOGUE_H
#define GATEWAY_CATALOGUE_H

#include "apps/gateway/poll/decode.h"
#include "apps/gateway/poll/points.h"

enum { CATALOGUE_IDS_MAX = 65536, CATALOGUE_FILE_SIZE_MAX = 8 * 1024 * 1024 };

struct id_map {
    struct id_entry {
        const char *name;
        uint32_t id;
    } * entries; // sorted by name
    size_t count;
    size_t capacity;
    uint32_t next; // the id that the next new name gets; from 1
};

// Reads the file's content (empty: a new map) and makes room for `room` more names.
// ERR_CORRUPT: the file is damaged (ids must not be guessed: the caller stops); ERR_FULL: memory.
NODISCARD enum err id_map_load(struct id_map *map, struct bytes file, size_t room,
                               struct arena *arena);
// The id of a name; a new one if the map has none yet. ERR_FULL.
NODISCARD enum err id_map_take(struct id_map *map, const char *name, struct arena *arena,
                               uint32_t *out);
// The file's new content. ERR_SIZE.
NODISCARD enum err id_map_write(const struct id_map *map, struct writer *out);

// Gives every point and relay its id. *changed: the map must be written before any sample leaves.
NODISCARD enum err catalogue_assign(struct points *points, struct id_map *map, struct arena *arena,
                                    bool *changed);

// The site and the list of points as telemetry describes them, by ascending id; in the arena.
NODISCARD enum err catalogue_describe(const struct config_gateway *gateway,
                                      const struct points *points, struct arena *arena,
                                      struct tm_catalogue *out);

#endif
