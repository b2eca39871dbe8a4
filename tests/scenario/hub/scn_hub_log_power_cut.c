// SPDX-License-Identifier: Apache-2.0
// Goal: a message that the hub acknowledged reaches every consumer whatever happens to the power,
// under a number that means that message for ever.
// Method: devices send (and send again what was not acknowledged), two consumers read, store their
// position and pass it on, the power fails in step k of each life, for every k; unsynced bytes are
// torn or reordered, the head may be lost. Judged: each consumer's own store, by what was sent.
#include "apps/hub/log_reader.h"
#include "apps/hub/log_writer.h"
#include "base/assert.h"
#include "sim/cells.h"
#include "sim/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 12, LIVES = 60, LIFE_STEPS = 40, MESSAGES_MAX = 8192, CONSUMERS = 2 };

// A consumer's database: survives everything, as its position in it does.
struct consumer {
    const char *name;
    struct hub_log_reader reader;
    bool is_open;
    uint64_t position;             // last number stored
    bool has[MESSAGES_MAX];        // by message
    uint64_t number[MESSAGES_MAX]; // the last number it came under
    uint8_t *buffer;
};

struct world {
    struct sim_medium medium;
    struct storage storage;
    struct cells cells;
    struct hub_log log;
    uint32_t sending;             // the message not yet acknowledged; all below it are
    uint32_t owner[MESSAGES_MAX]; // by number: message + 1 that a consumer saw under it
    struct consumer consumers[CONSUMERS];
    uint8_t buffer[4096];
    uint32_t delivered;
    uint32_t removed;
};

static enum err open_hub(struct world *world)
{
    struct hub_log_config cfg = {
        .storage = &world->storage,
        .cells = &world->cells,
        .buffer = world->buffer,
        .buffer_size = sizeof(world->buffer),
        .bytes_max = HUB_LOG_BYTES_MIN,
    };
    enum err err = hub_log_open(&world->log, &cfg);
    if (err == OK) {
        assert_int_equal(world->log.found.corrupt_segments, 0);
        world->log.records.cfg.segment_size = 700; // so that segments change often
    }
    return err;
}

static enum err send(struct world *world)
{
    ASSERT(world->sending < MESSAGES_MAX - 1);
    uint8_t payload[64];
    struct writer w = writer_of(payload, sizeof(payload));
    put_u32le(&w, world->sending);
    size_t size = 4 + (size_t)sim_random(&world->medium, sizeof(payload) - 4);
    struct hub_record record = {
        .received_utc_ms = 1,
        .device_id = bytes_of("gw", 2),
        .payload = bytes_of(payload, size),
    };
    memset(payload + 4, 0x5a, sizeof(payload) - 4);
    uint64_t number = 0;
    enum err err = hub_log_store(&world->log, &record, &number);
    world->sending += err == OK; // PUBACK; else the device sends it again
    return err;
}

static void take(struct world *world, struct consumer *consumer,
                 const struct hub_log_message *message)
{
    struct reader r = reader_of(message->record.payload);
    uint32_t id = get_u32le(&r);
    assert_true(!r.failed && id <= world->sending);
    assert_true(message->sequence > consumer->position);
    ASSERT(message->sequence < MESSAGES_MAX);
    // One number, one message, for every consumer and for ever.
    uint32_t *owner = &world->owner[message->sequence];
    assert_true(*owner == 0 || *owner == id + 1);
    *owner = id + 1;
    consumer->has[id] = true;
    consumer->number[id] = message->sequence;
    consumer->position = message->sequence;
    world->delivered++;
}

static enum err consume(struct world *world, struct consumer *consumer, uint64_t count)
{
    enum err err = OK;
    if (!consumer->is_open) {
        struct hub_log_reader_config cfg = {
            .storage = &world->storage,
            .cells = &world->cells,
            .buffer = consumer->buffer,
            .buffer_size = HUB_LOG_READER_BUFFER_MIN,
            .consumer = consumer->name,
        };
        err = hub_log_reader_open(&consumer->reader, &cfg);
        err = err == OK
                  ? hub_log_reader_begin(&consumer->reader, consumer->position, consumer->position)
                  : err;
        consumer->is_open = err == OK;
    }
    for (uint64_t i = 0; err == OK && i < count; i++) {
        struct hub_log_message message;
        err = hub_log_reader_next(&consumer->reader, &message);
        if (err == OK) {
            take(world, consumer, &message);
        }
    }
    if ((err == OK || err == ERR_EMPTY) && sim_random(&world->medium, 3) == 0) {
        return hub_log_reader_pass(&consumer->reader, consumer->position);
    }
    return err == ERR_EMPTY ? OK : err;
}

static void live(struct world *world)
{
    while (!world->medium.is_off) {
        uint64_t choice = sim_random(&world->medium, 10);
        struct consumer *consumer = &world->consumers[choice % CONSUMERS];
        enum err err = choice < 6   ? send(world)
                       : choice < 9 ? consume(world, consumer, sim_random(&world->medium, 12))
                                    : hub_log_tick(&world->log);
        assert_true(err == OK || world->medium.is_off);
    }
    world->removed += world->log.records.stats.segments_removed;
}

static void judge(struct world *world)
{
    for (size_t i = 0; i < CONSUMERS; i++) {
        struct consumer *consumer = &world->consumers[i];
        assert_int_equal(consume(world, consumer, UINT64_MAX), OK);
        assert_int_equal(consumer->reader.corrupt_count, 0);
        for (uint32_t id = 0; id < world->sending; id++) {
            assert_true(consumer->has[id]);
        }
    }
}

static void run(struct world *world, uint64_t seed)
{
    static const char *const names[CONSUMERS] = {"cloud", "second"};
    sim_medium_init(&world->medium, seed);
    world->storage = sim_storage(&world->medium);
    world->cells = sim_cells(&world->medium);
    for (size_t i = 0; i < CONSUMERS; i++) {
        world->consumers[i].name = names[i];
        world->consumers[i].buffer = malloc(HUB_LOG_READER_BUFFER_MIN);
        assert_non_null(world->consumers[i].buffer);
    }
    // Both are registered before the first message.
    assert_int_equal(open_hub(world), OK);
    for (size_t i = 0; i < CONSUMERS; i++) {
        assert_int_equal(consume(world, &world->consumers[i], 1), OK);
    }
    for (uint64_t life = 1; life <= LIVES; life++) {
        world->medium.cut_at_step = world->medium.steps + 1 + life % LIFE_STEPS;
        if (life > 1 && open_hub(world) != OK) {
            assert_true(world->medium.is_off);
        }
        live(world);
        sim_medium_power_on(&world->medium);
        for (size_t i = 0; i < CONSUMERS; i++) {
            world->consumers[i].is_open = false;
        }
    }
    assert_int_equal(open_hub(world), OK);
    judge(world);
    for (size_t i = 0; i < CONSUMERS; i++) {
        free(world->consumers[i].buffer);
    }
    sim_medium_deinit(&world->medium);
}

static void test_acknowledged_reaches_every_consumer(void **state)
{
    (void)state;
    static struct world world;
    uint32_t delivered = 0;
    uint32_t removed = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        printf("seed %llu\n", (unsigned long long)seed);
        world = (struct world){0};
        run(&world, seed);
        delivered += world.delivered;
        removed += world.removed;
    }
    printf("%u lives, %u deliveries, %u segments removed\n", SEEDS * LIVES, delivered, removed);
    assert_true(delivered > SEEDS * LIVES && removed > SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_acknowledged_reaches_every_consumer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
