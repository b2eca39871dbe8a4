// SPDX-License-Identifier: Apache-2.0
// Goal: what is appended is read back in order, across segments, restarts, removals, full disks and
// damage; numbers never return. On the virtual disk, where each fault is placed by hand.
#include "base/assert.h"
#include "seglog/reader.h"
#include "seglog/seglog.h"
#include "sim/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PAYLOAD_MAX = 200, SEGMENT_SIZE = 512, RECORD_SIZE = SL_RECORD_HEADER_SIZE + 8 };

struct bench {
    struct sim_medium medium;
    struct storage storage;
    struct seglog log;
    struct sl_recovery found;
    uint8_t buffer[512];
    uint8_t reader_buffer[512];
    uint64_t bytes_max;
    uint64_t next_min;
};

static enum err reopen(struct bench *bench)
{
    struct sl_config cfg = {
        .storage = &bench->storage,
        .buffer = bench->buffer,
        .buffer_size = sizeof(bench->buffer),
        .payload_size_max = PAYLOAD_MAX,
        .segment_size = SEGMENT_SIZE,
        .bytes_max = bench->bytes_max,
        .next_min = bench->next_min,
    };
    return sl_recover(&bench->log, &cfg, &bench->found);
}

static int set_up(void **state)
{
    static struct bench bench;
    bench = (struct bench){0};
    sim_medium_init(&bench.medium, 1);
    bench.storage = sim_storage(&bench.medium);
    *state = &bench;
    return reopen(&bench) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    sim_medium_deinit(&bench->medium);
    return 0;
}

// The payload tells the number, so that a reader can be judged by it.
static enum err append(struct bench *bench)
{
    uint8_t bytes[8];
    struct writer w = writer_of(bytes, sizeof(bytes));
    put_u64le(&w, bench->log.next * 7);
    struct bytes parts[2] = {bytes_of(bytes, 3), bytes_of(bytes + 3, 5)};
    uint64_t expected = bench->log.next;
    uint64_t sequence = 0;
    enum err err = sl_append(&bench->log, 5, parts, COUNT_OF(parts), &sequence);
    assert_true(err != OK || sequence == expected);
    return err;
}

static void append_synced(struct bench *bench, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(append(bench), OK);
    }
    assert_int_equal(sl_sync(&bench->log), OK);
}

static struct sl_reader reader_at(struct bench *bench, uint64_t first)
{
    struct sl_reader reader;
    struct sl_reader_config cfg = {&bench->storage, bench->reader_buffer, 64};
    sl_reader_init(&reader, &cfg, first);
    return reader;
}

// Reads to the end: count of records; all right and ascending.
static int read_all(struct bench *bench, struct sl_reader *reader)
{
    int count = 0;
    uint64_t last = 0;
    for (;;) {
        struct sl_record record;
        enum err err = sl_reader_next(reader, bench->log.synced_next, &record);
        if (err == ERR_CORRUPT) {
            continue;
        }
        if (err != OK) {
            assert_int_equal(err, ERR_EMPTY);
            return count;
        }
        struct reader r = reader_of(record.payload);
        assert_true(get_u64le(&r) == record.sequence * 7 && reader_done(&r));
        assert_true(record.sequence > last);
        assert_int_equal(record.kind, 5);
        last = record.sequence;
        count++;
    }
}

static void test_reads_back_over_segments_and_restarts(void **state)
{
    struct bench *bench = *state;
    append_synced(bench, 50);
    assert_true(bench->log.stats.segments_created >= 3);
    struct sl_reader reader = reader_at(bench, 0);
    assert_int_equal(read_all(bench, &reader), 50);
    assert_int_equal(reopen(bench), OK);
    assert_int_equal(bench->found.next, 51);
    append_synced(bench, 1);
    assert_int_equal(read_all(bench, &reader), 1); // the reader followed
    for (uint64_t first = 1; first <= 52; first++) {
        reader = reader_at(bench, first);
        assert_int_equal(read_all(bench, &reader), 52 - (int)first);
    }
}

static void test_shows_synced_records_only(void **state)
{
    struct bench *bench = *state;
    append_synced(bench, 2);
    assert_int_equal(append(bench), OK);
    struct sl_reader reader = reader_at(bench, 0);
    assert_int_equal(read_all(bench, &reader), 2);
    assert_int_equal(sl_sync(&bench->log), OK);
    assert_int_equal(read_all(bench, &reader), 1);
}

static void test_numbers_go_on_after_everything_was_removed(void **state)
{
    struct bench *bench = *state;
    append_synced(bench, 50);
    uint64_t used = bench->log.bytes_used;
    assert_int_equal(sl_remove_below(&bench->log, UINT64_MAX), OK);
    assert_true(bench->log.bytes_used < used && bench->log.bytes_used > 0);
    assert_int_equal(sl_remove_oldest(&bench->log), ERR_EMPTY);
    assert_int_equal(reopen(bench), OK);
    assert_int_equal(bench->log.next, 51);
    assert_true(bench->log.first > 1 && bench->log.first <= 51);
    sl_close_segment(&bench->log);
    append_synced(bench, 1);
    assert_int_equal(sl_remove_below(&bench->log, 51), OK);
    assert_int_equal(bench->log.first, 51);
    struct sl_reader reader = reader_at(bench, 1);
    assert_int_equal(read_all(bench, &reader), 1);
}

static void test_keeps_what_a_consumer_still_needs(void **state)
{
    struct bench *bench = *state;
    append_synced(bench, 50);
    for (uint64_t below = 1; below <= 51; below++) {
        assert_int_equal(sl_remove_below(&bench->log, below), OK);
        assert_true(bench->log.first <= below);
        struct sl_reader reader = reader_at(bench, below);
        assert_int_equal(read_all(bench, &reader), 51 - (int)below);
    }
}

static void test_limits_of_a_record(void **state)
{
    struct bench *bench = *state;
    static const uint8_t big[PAYLOAD_MAX + 1];
    uint64_t sequence = 0;
    struct bytes part = bytes_of(big, PAYLOAD_MAX + 1);
    assert_int_equal(sl_append(&bench->log, 1, &part, 1, &sequence), ERR_SIZE);
    part.size = PAYLOAD_MAX;
    assert_int_equal(sl_append(&bench->log, 1, &part, 1, &sequence), OK);
    assert_int_equal(sl_append(&bench->log, 1, NULL, 0, &sequence), OK);
    assert_int_equal(sl_sync(&bench->log), OK);
    struct sl_reader reader = reader_at(bench, 1);
    struct sl_record record;
    assert_int_equal(sl_reader_next(&reader, 3, &record), ERR_SIZE); // a buffer of 64 bytes
    struct sl_reader_config cfg = {&bench->storage, bench->reader_buffer, 512};
    sl_reader_init(&reader, &cfg, 1);
    assert_int_equal(sl_reader_next(&reader, 3, &record), OK);
    assert_int_equal(record.payload.size, PAYLOAD_MAX);
    assert_int_equal(sl_reader_next(&reader, 3, &record), OK);
    assert_int_equal(record.payload.size, 0);
    assert_int_equal(sl_reader_next(&reader, 3, &record), ERR_EMPTY);
}

static void test_quota_refuses_and_heals(void **state)
{
    struct bench *bench = *state;
    bench->bytes_max = 3 * SEGMENT_SIZE;
    assert_int_equal(reopen(bench), OK);
    int count = 0;
    while (append(bench) == OK) {
        count++;
        assert_true(bench->log.bytes_used <= bench->bytes_max && count < 1000);
    }
    assert_int_equal(append(bench), ERR_FULL);
    assert_int_equal(sl_sync(&bench->log), OK);
    assert_int_equal(sl_remove_oldest(&bench->log), OK);
    append_synced(bench, 1);
}

static void test_full_disk_refuses_and_heals(void **state)
{
    struct bench *bench = *state;
    for (uint64_t room = 0; room < 3 * SEGMENT_SIZE; room++) {
        sim_medium_deinit(&bench->medium);
        sim_medium_init(&bench->medium, room);
        assert_int_equal(reopen(bench), OK);
        bench->medium.capacity = room + 1;
        int count = 0;
        while (append(bench) == OK) {
            count++;
        }
        assert_int_equal(append(bench), ERR_FULL);
        enum err err = sl_sync(&bench->log);
        assert_int_equal(err, OK);
        bench->medium.capacity = 0;
        append_synced(bench, 30);
        struct sl_reader reader = reader_at(bench, 0);
        assert_int_equal(read_all(bench, &reader), count + 30);
        assert_int_equal(reader.corrupt_count, 0);
        assert_int_equal(reopen(bench), OK);
        assert_int_equal(bench->found.torn_bytes, 0);
        assert_int_equal(bench->found.next, count + 31);
    }
}

// Every step fails once, or from then on until the disk is well again: nothing that sl_sync
// promised is missing, nothing is torn, the log goes on.
static void test_io_error_at_every_step(void **state)
{
    struct bench *bench = *state;
    for (uint64_t step = 1; step < 150; step++) {
        sim_medium_deinit(&bench->medium);
        sim_medium_init(&bench->medium, step);
        assert_int_equal(reopen(bench), OK);
        bench->medium.error_at_step = step / 2 + 1;
        bench->medium.is_error_lasting = step % 2 == 1;
        uint64_t promised = 1;
        for (int i = 0; i < 60; i++) {
            enum err err = append(bench);
            if (i % 3 == 2) {
                err = sl_sync(&bench->log);
            }
            assert_true(err == OK || err == ERR_IO);
            assert_true(bench->log.synced_next >= promised);
            promised = bench->log.synced_next;
            bench->medium.is_error_lasting &= i < 40;
        }
        append_synced(bench, 1);
        struct sl_reader reader = reader_at(bench, 0);
        int count = read_all(bench, &reader);
        assert_int_equal(reader.corrupt_count, 0);
        assert_true((uint64_t)count < bench->log.next);
        sim_medium_cut(&bench->medium);
        sim_medium_power_on(&bench->medium);
        assert_int_equal(reopen(bench), OK);
        reader = reader_at(bench, 0);
        assert_int_equal(read_all(bench, &reader), count);
        assert_int_equal(reader.corrupt_count, 0);
    }
}

static void test_damage_in_the_middle_is_told_and_passed_over(void **state)
{
    struct bench *bench = *state;
    append_synced(bench, 50);
    uint64_t second = 1 + (SEGMENT_SIZE - SL_SEGMENT_HEADER_SIZE) / RECORD_SIZE;
    size_t size = 0;
    uint8_t *bytes = sim_storage_bytes(&bench->medium, second, &size);
    assert_non_null(bytes);
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 0x10;
        struct sl_reader reader = reader_at(bench, 0);
        int count = read_all(bench, &reader);
        assert_int_equal(reader.corrupt_count, 1);
        assert_true(reader.corrupt_segment == second && reader.corrupt_offset <= at);
        size_t good = at < SL_SEGMENT_HEADER_SIZE ? 0 : (at - SL_SEGMENT_HEADER_SIZE) / RECORD_SIZE;
        assert_int_equal(count, 50 - (int)(second - 1) + (int)good);
        bytes[at] ^= 0x10;
    }
}

// Any byte of the newest segment that was synced, all but its last sync: told, kept, and the
// numbers go on above.
static void test_damage_in_the_newest_segment_is_no_torn_tail(void **state)
{
    struct bench *bench = *state;
    for (size_t at = 0; at < SL_SEGMENT_HEADER_SIZE + 10 * RECORD_SIZE; at++) {
        sim_medium_deinit(&bench->medium);
        sim_medium_init(&bench->medium, at);
        assert_int_equal(reopen(bench), OK);
        append_synced(bench, 10);
        append_synced(bench, 1);
        size_t size = 0;
        uint8_t *bytes = sim_storage_bytes(&bench->medium, 1, &size);
        bytes[at] ^= 0x40;
        assert_int_equal(reopen(bench), OK);
        assert_int_equal(bench->found.corrupt_segments, 1);
        assert_int_equal(bench->found.corrupt_segment, 1);
        assert_true(bench->found.next > 11);
        assert_int_equal(bench->found.torn_bytes, 0);
        append_synced(bench, 3);
        struct sl_reader reader = reader_at(bench, 0);
        size_t good = at < SL_SEGMENT_HEADER_SIZE ? 0 : (at - SL_SEGMENT_HEADER_SIZE) / RECORD_SIZE;
        assert_int_equal(read_all(bench, &reader), (int)good + 3);
        assert_int_equal(reader.corrupt_count, 1);
    }
}

static void test_told_numbers_are_not_given_again(void **state)
{
    struct bench *bench = *state;
    append_synced(bench, 3);
    size_t size = 0;
    uint8_t *bytes = sim_storage_bytes(&bench->medium, 1, &size);
    bytes[size - 1] ^= 1; // the last synced record: looks like a torn tail
    bench->next_min = 4;
    assert_int_equal(reopen(bench), OK);
    assert_int_equal(bench->found.torn_bytes, RECORD_SIZE);
    append_synced(bench, 1);
    assert_int_equal(bench->log.next, 5);
    struct sl_reader reader = reader_at(bench, 0);
    assert_int_equal(read_all(bench, &reader), 3);
}

static void test_a_torn_tail_is_cut_and_a_new_segment_begun(void **state)
{
    struct bench *bench = *state;
    append_synced(bench, 3);
    struct bytes junk = bytes_of("half a record", 13);
    assert_int_equal(bench->storage.ops->append(bench->storage.ctx, 1, &junk, 1), OK);
    assert_int_equal(reopen(bench), OK);
    assert_true(bench->found.torn_bytes == 13 && bench->found.corrupt_segments == 0);
    append_synced(bench, 1);
    assert_int_equal(bench->log.stats.segments_created, 1);
    struct sl_reader reader = reader_at(bench, 0);
    assert_int_equal(read_all(bench, &reader), 4);
    assert_int_equal(reader.corrupt_count, 0);
}

// A reader's read-ahead met the remains of a failed append, which were then written over.
static void test_read_ahead_is_not_believed_later(void **state)
{
    struct bench *bench = *state;
    for (uint64_t seed = 1; seed < 200; seed++) {
        sim_medium_deinit(&bench->medium);
        sim_medium_init(&bench->medium, seed);
        assert_int_equal(reopen(bench), OK);
        append_synced(bench, 2);
        bench->medium.error_at_step = bench->medium.steps + 1;
        struct bytes other = bytes_of("something else", 14);
        uint64_t sequence = 0;
        assert_int_equal(sl_append(&bench->log, 6, &other, 1, &sequence), ERR_IO);
        struct sl_reader reader;
        struct sl_reader_config cfg = {&bench->storage, bench->reader_buffer, 512};
        sl_reader_init(&reader, &cfg, 1);
        assert_int_equal(read_all(bench, &reader), 2);
        append_synced(bench, 2);
        assert_int_equal(read_all(bench, &reader), 2);
        assert_int_equal(reader.corrupt_count, 0);
    }
}

static void test_refuses_a_newer_format(void **state)
{
    struct bench *bench = *state;
    static const uint8_t header[SL_SEGMENT_HEADER_SIZE] = {
        'B', 'W', 'S', 'L', 2, 0, 32, 0, 1, [28] = 0x9e, 0xb7, 0x95, 0x6f};
    struct bytes part = bytes_of(header, sizeof(header));
    assert_int_equal(bench->storage.ops->append(bench->storage.ctx, 1, &part, 1), OK);
    assert_int_equal(reopen(bench), ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_back_over_segments_and_restarts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_shows_synced_records_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_go_on_after_everything_was_removed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_keeps_what_a_consumer_still_needs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits_of_a_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_quota_refuses_and_heals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk_refuses_and_heals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_io_error_at_every_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_in_the_middle_is_told_and_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_damage_in_the_newest_segment_is_no_torn_tail, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_told_numbers_are_not_given_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_torn_tail_is_cut_and_a_new_segment_begun, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_read_ahead_is_not_believed_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_a_newer_format, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
