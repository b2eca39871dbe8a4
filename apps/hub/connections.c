// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/connections.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

static uint32_t bucket_of(const struct hub_connections *table, struct bytes id)
{
    uint32_t hash = 2166136261U; // FNV-1a; ids come from hub.db, not from strangers
    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ id.data[i]) * 16777619U;
    }
    return hash & (table->bucket_count - 1);
}

static uint32_t index_of(const struct hub_connections *table, const struct hub_connection *entry)
{
    return (uint32_t)(entry - table->list);
}

enum err hub_connections_init(struct hub_connections *table, uint32_t capacity)
{
    ASSERT(capacity >= 1 && capacity <= HUB_CONNECTIONS_MAX);
    uint32_t bucket_count = 1;
    while (bucket_count < capacity) {
        bucket_count *= 2;
    }
    *table = (struct hub_connections){
        .list = calloc(capacity, sizeof(*table->list)),
        .buckets = malloc(bucket_count * sizeof(*table->buckets)),
        .capacity = capacity,
        .bucket_count = bucket_count,
        .marked_first = NONE,
        .marked_last = NONE,
    };
    if (table->list == NULL || table->buckets == NULL) {
        hub_connections_deinit(table);
        return ERR_FULL;
    }
    for (uint32_t i = 0; i < bucket_count; i++) {
        table->buckets[i] = NONE;
    }
    for (uint32_t i = 0; i < capacity; i++) {
        table->list[i].next_in_bucket = i + 1 < capacity ? i + 1 : NONE;
    }
    return OK;
}

void hub_connections_deinit(struct hub_connections *table)
{
    free(table->list);
    free(table->buckets);
    *table = (struct hub_connections){0};
}

struct hub_connection *hub_connections_find(struct hub_connections *table, struct bytes id)
{
    for (uint32_t i = table->buckets[bucket_of(table, id)]; i != NONE;) {
        struct hub_connection *entry = &table->list[i];
        if (bytes_equal(bytes_of(entry->id, strlen(entry->id)), id)) {
            return entry;
        }
        i = entry->next_in_bucket;
    }
    return NULL;
}

struct hub_connection *hub_connections_enter(struct hub_connections *table, struct bytes id)
{
    ASSERT(id.size >= 1 && id.size <= HUB_ID_SIZE_MAX);
    struct hub_connection *entry = hub_connections_find(table, id);
    if (entry != NULL || table->free_first == NONE) {
        return entry;
    }
    entry = &table->list[table->free_first];
    uint32_t *bucket = &table->buckets[bucket_of(table, id)];
    uint32_t index = table->free_first;
    table->free_first = entry->next_in_bucket;
    *entry = (struct hub_connection){.next_in_bucket = *bucket};
    memcpy(entry->id, id.data, id.size);
    *bucket = index;
    table->count++;
    return entry;
}

void hub_connections_leave(struct hub_connections *table, struct hub_connection *connection)
{
    if (connection->client != NULL || connection->is_kept || connection->told_number != 0 ||
        connection->is_marked) {
        return;
    }
    struct bytes id = bytes_of(connection->id, strlen(connection->id));
    uint32_t index = index_of(table, connection);
    uint32_t *at = &table->buckets[bucket_of(table, id)];
    while (*at != index) {
        ASSERT(*at != NONE);
        at = &table->list[*at].next_in_bucket;
    }
    *at = connection->next_in_bucket;
    *connection = (struct hub_connection){.next_in_bucket = table->free_first};
    table->free_first = index;
    table->count--;
}

void hub_connections_mark(struct hub_connections *table, struct hub_connection *connection)
{
    if (connection->is_marked) {
        return;
    }
    uint32_t index = index_of(table, connection);
    connection->is_marked = true;
    connection->next_marked = NONE;
    if (table->marked_last == NONE) {
        table->marked_first = index;
    } else {
        table->list[table->marked_last].next_marked = index;
    }
    table->marked_last = index;
}

struct hub_connection *hub_connections_marked(struct hub_connections *table)
{
    return table->marked_first != NONE ? &table->list[table->marked_first] : NULL;
}

void hub_connections_unmark_first(struct hub_connections *table)
{
    struct hub_connection *first = hub_connections_marked(table);
    ASSERT(first != NULL);
    table->marked_first = first->next_marked;
    if (table->marked_first == NONE) {
        table->marked_last = NONE;
    }
    first->is_marked = false;
}
