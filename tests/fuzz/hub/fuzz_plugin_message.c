// SPDX-License-Identifier: Apache-2.0
// Boundary: what a device says to the hub. Input: lines (split at \n) client id, user name,
// password, topic; the rest is the payload. Also each as devices.json and as a stored record.
// Judged: nothing is stored but by a known client on its own topic, and what is stored reads back
// as it was sent.
#include "apps/hub/hub.h"
#include "apps/hub/topic.h"
#include "azure/property_bag.h"
#include "base/assert.h"
#include "sim/cells.h"
#include "sim/storage.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct sim_medium medium;
    struct storage storage;
    struct cells cells;
    struct hub_log log;
    struct hub_identities sets[2];
    struct hub hub;
    uint8_t buffer[4096];
} world;

static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    struct bytes line = bytes_of(rest->data, size);
    size_t used = end != NULL ? size + 1 : size;
    *rest = bytes_of(rest->data + used, rest->size - used);
    return line;
}

static void open_world(void)
{
    static const char devices[] = "{\"hub\":\"h\",\"devices\":[{\"id\":\"a\",\"keys\":"
                                  "[\"MDEyMzQ1Njc4OWFiY2RlZg==\"]}]}";
    struct hub_fault fault;
    enum err err = hub_identities_parse(bytes_of(devices, strlen(devices)), &world.sets[0], &fault);
    ASSERT(err == OK);
    sim_medium_init(&world.medium, 1);
    world.storage = sim_storage(&world.medium);
    world.cells = sim_cells(&world.medium);
    struct hub_log_config cfg = {
        .storage = &world.storage,
        .cells = &world.cells,
        .buffer = world.buffer,
        .buffer_size = sizeof(world.buffer),
    };
    err = hub_log_open(&world.log, &cfg);
    ASSERT(err == OK);
    world.hub = (struct hub){.log = &world.log, .identities = &world.sets[0]};
}

// As a message, or as the will of a connection that has ended.
static void publish(struct bytes client_id, struct bytes topic, struct bytes payload, bool may)
{
    uint64_t before = world.log.stats.stored;
    struct hub_publish in = {
        .client = &world,
        .client_id = client_id,
        .topic = topic,
        .payload = payload,
        .utc_ms = 1,
    };
    bool is_will = hub_is_will(&world.hub, &world);
    struct hub_answer answer =
        is_will ? hub_store_will(&world.hub, &in) : hub_publish(&world.hub, &in);
    ASSERT(world.log.stats.stored - before == (answer.outcome == HUB_OK));
    ASSERT((answer.outcome == HUB_OK) == (answer.why == NULL));
    if (answer.outcome != HUB_OK) {
        return;
    }
    struct hub_events_topic parsed;
    enum err err = hub_events_topic_parse(topic, &parsed);
    ASSERT(may && err == OK && bytes_equal(parsed.device_id, client_id));
    size_t segment_size = 0;
    const uint8_t *segment = sim_storage_bytes(&world.medium, 1, &segment_size);
    size_t head = 1 + 8 + 1 + 1 + client_id.size + 1 + 2 + parsed.properties.size;
    ASSERT(segment_size >= head + payload.size);
    struct hub_record record;
    const uint8_t *stored = segment + segment_size - head - payload.size;
    err = hub_record_decode(bytes_of(stored, head + payload.size), &record);
    ASSERT(err == OK && bytes_equal(record.device_id, client_id));
    ASSERT(bytes_equal(record.properties, parsed.properties));
    ASSERT(bytes_equal(record.payload, payload) && record.is_will == is_will);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes all = bytes_of(data, size);
    struct bytes rest = all;
    struct hub_connect connect = {.client = &world, .utc_s = 1};
    connect.client_id = take_line(&rest);
    connect.user_name = take_line(&rest);
    connect.password = take_line(&rest);
    struct bytes topic = take_line(&rest);
    open_world();
    struct hub_answer answer = hub_connect(&world.hub, &connect);
    bool is_known = hub_knows(&world.hub, &world, connect.client_id);
    ASSERT(is_known == (answer.outcome == HUB_OK));
    ASSERT((answer.outcome == HUB_OK) == (answer.why == NULL));
    publish(connect.client_id, topic, rest, is_known);
    // The same as if it had logged in, so that topics are met without forging a signature.
    world.hub.identities->list[0].client = &world;
    publish(bytes_of("a", 1), topic, rest, true);
    hub_disconnect(&world.hub, &world, bytes_of("a", 1));
    publish(bytes_of("a", 1), topic, rest, true);
    publish(bytes_of("a", 1), topic, rest, false); // there is but one
    if (hub_may_subscribe(connect.client_id, topic)) {
        ASSERT(topic.size > 0 && topic.data[topic.size - 1] == '#');
    }
    struct hub_fault fault = {0};
    if (hub_identities_parse(all, &world.sets[1], &fault) == OK) {
        hub_set_identities(&world.hub, &world.sets[1]);
    } else {
        ASSERT(fault.message[0] != '\0');
    }
    struct hub_record record;
    enum err err = hub_record_decode(all, &record);
    ASSERT(err != OK || record.device_id.size > 0);
    sim_medium_deinit(&world.medium);
    return 0;
}
