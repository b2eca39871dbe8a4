// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/sessions.h"

#include "base/assert.h"
#include "base/crc.h"

#include <string.h>

static size_t home_of(const struct sessions *sessions, struct bytes id)
{
    return (size_t)hash64(HASH64_START, id) & (sessions->capacity - 1);
}

static struct bytes id_of(const struct session *slot)
{
    return bytes_of(slot->id, strlen(slot->id));
}

void sessions_init(struct sessions *sessions, struct session *slots, size_t capacity)
{
    ASSERT(capacity >= 4 && (capacity & (capacity - 1)) == 0);
    *sessions = (struct sessions){.slots = slots, .capacity = capacity};
    sessions_clear(sessions);
}

// The slot of the id, or the free one where it belongs; one is always free.
static struct session *slot_of(const struct sessions *sessions, struct bytes id)
{
    size_t at = home_of(sessions, id);
    while (sessions->slots[at].id[0] != '\0' && !bytes_equal(id_of(&sessions->slots[at]), id)) {
        at = (at + 1) & (sessions->capacity - 1);
    }
    return &sessions->slots[at];
}

struct session *sessions_find(const struct sessions *sessions, struct bytes id)
{
    struct session *slot = id.size > 0 ? slot_of(sessions, id) : NULL;
    return slot != NULL && slot->id[0] != '\0' ? slot : NULL;
}

struct session *sessions_add(struct sessions *sessions, struct bytes id)
{
    if (id.size == 0 || id.size >= ID_SIZE || memchr(id.data, '\0', id.size) != NULL) {
        return NULL;
    }
    struct session *slot = slot_of(sessions, id);
    if (slot->id[0] != '\0') {
        return slot;
    }
    if (sessions->count >= sessions->capacity / 4 * 3) {
        return NULL;
    }
    *slot = (struct session){0};
    memcpy(slot->id, id.data, id.size);
    sessions->count++;
    return slot;
}

// Open addressing: those behind the hole that could stand in it move up.
void sessions_remove(struct sessions *sessions, struct bytes id)
{
    struct session *slot = sessions_find(sessions, id);
    if (slot == NULL) {
        return;
    }
    size_t mask = sessions->capacity - 1;
    size_t hole = (size_t)(slot - sessions->slots);
    for (size_t at = (hole + 1) & mask; sessions->slots[at].id[0] != '\0'; at = (at + 1) & mask) {
        size_t home = home_of(sessions, id_of(&sessions->slots[at]));
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            sessions->slots[hole] = sessions->slots[at];
            hole = at;
        }
    }
    sessions->slots[hole] = (struct session){0};
    sessions->count--;
}

void sessions_clear(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->capacity; i++) {
        sessions->slots[i].id[0] = '\0';
    }
    sessions->count = 0;
}

const struct session *sessions_next(const struct sessions *sessions, size_t *position)
{
    while (*position < sessions->capacity) {
        const struct session *slot = &sessions->slots[(*position)++];
        if (slot->id[0] != '\0') {
            return slot;
        }
    }
    return NULL;
}
