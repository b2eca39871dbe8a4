// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum err block_pool_init(struct block_pool *pool, size_t capacity)
{
    void *memory = mmap(NULL, capacity * sizeof(struct block), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return ERR_FULL;
    }
    *pool = (struct block_pool){.all = memory, .capacity = capacity};
    return OK;
}

void block_pool_deinit(struct block_pool *pool)
{
    if (pool->all != NULL) {
        munmap(pool->all, pool->capacity * sizeof(struct block));
    }
    *pool = (struct block_pool){0};
}

void block_pool_reset(struct block_pool *pool)
{
    pool->fresh = 0;
    pool->free = NULL;
}

static struct block *block_take(struct block_pool *pool)
{
    struct block *block = pool->free;
    if (block != NULL) {
        pool->free = block->next;
    } else if (pool->fresh < pool->capacity) {
        block = &pool->all[pool->fresh++];
    } else {
        return NULL;
    }
    block->next = NULL;
    return block;
}

enum err entry_list_add(struct entry_list *list, struct block_pool *pool, const struct entry *e)
{
    const uint32_t at = list->count % BLOCK_ENTRIES;
    if (at == 0) {
        struct block *block = block_take(pool);
        if (block == NULL) {
            return ERR_FULL;
        }
        if (list->last == NULL) {
            list->first = block;
        } else {
            list->last->next = block;
        }
        list->last = block;
    }
    list->last->entries[at] = *e;
    list->count++;
    return OK;
}

void entry_list_clear(struct entry_list *list, struct block_pool *pool)
{
    if (list->last != NULL) {
        list->last->next = pool->free;
        pool->free = list->first;
    }
    *list = (struct entry_list){0};
}

void entry_list_copy(const struct block *first, size_t count, struct entry *out)
{
    const struct block *block = first;
    while (count > 0) {
        const size_t some = count < BLOCK_ENTRIES ? count : BLOCK_ENTRIES;
        memcpy(out, block->entries, some * sizeof(*out));
        out += some;
        count -= some;
        block = count > 0 ? block->next : NULL;
    }
}

enum err series_map_init(struct series_map *map, uint32_t series_max)
{
    size_t size = 64;
    while (size < (size_t)series_max * 2) {
        size *= 2;
    }
    map->slots = malloc(size * sizeof(map->slots[0]));
    map->mask = size - 1;
    if (map->slots == NULL) {
        return ERR_FULL;
    }
    series_map_reset(map);
    return OK;
}

void series_map_deinit(struct series_map *map)
{
    free(map->slots);
    *map = (struct series_map){0};
}

void series_map_reset(struct series_map *map)
{
    memset(map->slots, 0xff, (map->mask + 1) * sizeof(map->slots[0]));
}

static struct series_slot *slot_of(const struct series_map *map, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 32) & map->mask;
    while (map->slots[at].key != key && map->slots[at].key != UINT64_MAX) {
        at = (at + 1) & map->mask;
    }
    return &map->slots[at];
}

bool series_map_find(const struct series_map *map, uint32_t site, uint32_t point, uint32_t *series)
{
    const struct series_slot *slot = slot_of(map, (uint64_t)site << 32 | point);
    if (slot->key == UINT64_MAX) {
        return false;
    }
    *series = slot->series;
    return true;
}

void series_map_add(struct series_map *map, uint32_t site, uint32_t point, uint32_t series)
{
    struct series_slot *slot = slot_of(map, (uint64_t)site << 32 | point);
    slot->key = (uint64_t)site << 32 | point;
    slot->series = series;
}
