// SPDX-License-Identifier: Apache-2.0
// Goal: whatever was synced is there after a power cut at any write, in order and under its number;
// nothing appears that was not appended; nothing sound is called damaged.
// Method: a random workload per seed on the virtual disk, the power cut in step k of each life for
// every k up to the life's length, unsynced bytes torn at any byte or kept in any order. Cuts also
// strike during recovery; every second seed has I/O errors, too. A table of what was appended
// judges; the log's own counters never do.
#include "base/assert.h"
#include "base/crc.h"
#include "seglog/reader.h"
#include "seglog/seglog.h"
#include "sim/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SEEDS = 100, CUTS = 60, NUMBERS_MAX = 8192, PAYLOAD_MAX = 300, LIFE_STEPS = 45 };

struct told {
    uint32_t size;
    uint64_t hash;   // of kind and payload
    bool is_dropped; // given up after a failed sync: may be missing
};

struct world {
    struct sim_medium medium;
    struct storage storage;
    struct seglog log;
    uint64_t removed_below; // this may be gone
    uint64_t promised;      // one above the last record known synced: found again, or told so
    uint64_t opened_at;     // the log's word when this life began
    struct told told[NUMBERS_MAX];
    uint8_t buffer[700];
    uint32_t lives;
    uint32_t records_seen;
    uint32_t torn;
    uint32_t dropped;
    bool has_io_errors;
};

static uint64_t hash_of(uint8_t kind, struct bytes payload)
{
    return hash64(hash64(HASH64_START, bytes_of(&kind, 1)), payload);
}

static enum err recover(struct world *world)
{
    struct sl_config cfg = {
        .storage = &world->storage,
        .buffer = world->buffer,
        .buffer_size = 64 + sim_random(&world->medium, 600),
        .payload_size_max = PAYLOAD_MAX,
        .segment_size = 900,
    };
    struct sl_recovery found;
    enum err err = sl_recover(&world->log, &cfg, &found);
    if (err == OK) {
        assert_int_equal(found.corrupt_segments, 0);
        assert_true(found.next >= world->promised);
        world->torn += found.torn_bytes > 0;
        world->opened_at = world->log.synced_next;
    }
    return err;
}

static void check_missing(const struct world *world, uint64_t from, uint64_t to)
{
    for (uint64_t number = from; number < to; number++) {
        if (!world->told[number].is_dropped) {
            fail_msg("record %llu is missing", (unsigned long long)number);
        }
    }
}

static void judge(struct world *world)
{
    struct sl_reader reader;
    struct sl_reader_config cfg = {&world->storage, world->buffer, sizeof(world->buffer)};
    sl_reader_init(&reader, &cfg, 0);
    uint64_t expected = 0;
    struct sl_record record;
    enum err err = OK;
    while ((err = sl_reader_next(&reader, world->log.synced_next, &record)) == OK) {
        assert_true(expected == 0 || record.sequence >= expected);
        uint64_t from = expected > world->removed_below ? expected : world->removed_below;
        check_missing(world, from, record.sequence);
        const struct told *told = &world->told[record.sequence];
        assert_int_equal(record.payload.size, told->size);
        assert_true(hash_of(record.kind, record.payload) == told->hash);
        expected = record.sequence + 1;
        world->records_seen++;
    }
    assert_int_equal(err, ERR_EMPTY);
    assert_int_equal(reader.corrupt_count, 0);
    world->promised = expected > world->promised ? expected : world->promised;
    check_missing(world, expected > 0 ? expected : world->removed_below, world->log.synced_next);
}

static enum err append_random(struct world *world)
{
    uint8_t payload[PAYLOAD_MAX];
    size_t size = (size_t)sim_random(&world->medium, sim_random(&world->medium, 8) == 0 ? 300 : 30);
    for (size_t i = 0; i < size; i++) {
        payload[i] = (uint8_t)sim_random(&world->medium, 256);
    }
    uint8_t kind = (uint8_t)sim_random(&world->medium, 256);
    struct bytes part = bytes_of(payload, size);
    uint64_t number = world->log.next;
    ASSERT(number < NUMBERS_MAX);
    // Noted before the call: a cut inside it may leave the whole record behind.
    world->told[number] = (struct told){.size = (uint32_t)size, .hash = hash_of(kind, part)};
    return sl_append(&world->log, kind, &part, 1, &number);
}

// After a failed sync the log gives up what was not durable; the caller was told.
static void note_dropped(struct world *world, uint32_t sync_errors_before)
{
    if (world->log.stats.sync_errors == sync_errors_before) {
        return;
    }
    world->dropped++;
    for (uint64_t number = world->log.synced_next; number < world->log.next; number++) {
        world->told[number].is_dropped = true;
    }
}

// Works until the power goes; now and then a step fails by itself.
static void live(struct world *world)
{
    for (;;) {
        enum err err = OK;
        uint32_t sync_errors = world->log.stats.sync_errors;
        if (world->has_io_errors && sim_random(&world->medium, 10) == 0) {
            world->medium.error_at_step = world->medium.steps + 1 + sim_random(&world->medium, 4);
        }
        uint64_t choice = sim_random(&world->medium, 10);
        if (choice < 6) {
            err = append_random(world);
        } else if (choice < 9) {
            err = sl_sync(&world->log);
        } else {
            uint64_t below = world->promised;
            world->removed_below = below > 12 ? below - 12 : world->removed_below;
            err = sl_remove_below(&world->log, world->removed_below);
        }
        if (world->medium.is_off) {
            return;
        }
        note_dropped(world, sync_errors);
        if (world->log.synced_next != world->opened_at) {
            world->promised = world->log.synced_next;
        }
        assert_true(err == OK || world->has_io_errors);
    }
}

static void run(struct world *world, uint64_t seed)
{
    sim_medium_init(&world->medium, seed);
    world->storage = sim_storage(&world->medium);
    world->promised = 1;
    world->removed_below = 1;
    world->has_io_errors = seed % 2 == 0;
    for (uint64_t cut = 1; cut <= CUTS; cut++) {
        world->medium.error_at_step = 0;
        // Recovery itself is cut off at every one of its steps now and then.
        world->medium.cut_at_step = world->medium.steps + 1 + cut % LIFE_STEPS;
        if (sim_random(&world->medium, 3) == 0) {
            world->medium.cut_at_step = world->medium.steps + 1 + sim_random(&world->medium, 3);
        }
        if (recover(world) == OK) {
            judge(world);
            live(world);
        }
        assert_true(world->medium.is_off);
        sim_medium_power_on(&world->medium);
        world->lives++;
    }
    world->medium.error_at_step = 0;
    assert_int_equal(recover(world), OK);
    judge(world);
    sim_medium_deinit(&world->medium);
}

static void test_power_cut_at_every_write(void **state)
{
    (void)state;
    static struct world world;
    uint32_t torn = 0;
    uint32_t seen = 0;
    uint32_t dropped = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world = (struct world){0};
        printf("seed %llu\n", (unsigned long long)seed);
        run(&world, seed);
        torn += world.torn;
        seen += world.records_seen;
        dropped += world.dropped;
    }
    printf("%u lives, %u torn tails, %u records judged\n", SEEDS * CUTS, torn, seen);
    assert_true(dropped > SEEDS && torn > SEEDS &&
                seen > SEEDS * CUTS); // the cuts did strike where it hurts
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cut_at_every_write)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
