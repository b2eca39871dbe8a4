// SPDX-License-Identifier: Apache-2.0
// Goal: the judge of the simulated line counts what a client does to the silence, also one that
// writes its frames back to back, and takes no frame in pieces for two.
// Method: masters that do right and wrong over sim/line in virtual time.
#include "sim/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "modbus/rtu.h"
#include "modbus/timing.h"
#include "sim/line.h"

enum { MASTER = 0, UNIT = 1 };

static struct judge judge;
static struct sim_line wire;
static uint64_t now_us; // end of the last thing on the wire
static uint32_t t35_us;

static int set_up(void **state)
{
    (void)state;
    sim_line_init(&wire, &(struct sim_line_cfg){.baud = 19200, .char_bits = 11, .seed = 1});
    t35_us = mb_silence(19200, MB_BITS_8E1, false).t35_us;
    judge_init(&judge, t35_us);
    now_us = 1000000;
    return 0;
}

static struct bytes frame_of(uint8_t *out, size_t room, struct bytes pdu)
{
    struct writer frame = writer_of(out, room);
    assert_int_equal(mb_rtu_encode(5, pdu, &frame), OK);
    return writer_bytes(&frame);
}

// A master that writes at at_us; the wire sends no earlier than it can.
static void write_at(uint64_t at_us, struct bytes data)
{
    uint64_t start_us = 0;
    uint64_t end_us = 0;
    assert_int_equal(sim_line_drive(&wire, MASTER, at_us, data, &start_us, &end_us), OK);
    judge_request(&judge, start_us, end_us, data);
    now_us = end_us;
    struct sim_line_event event;
    while (sim_line_next(&wire, now_us, &event)) {
        assert_true(event.at_us <= now_us);
    }
}

static void reply_at(uint64_t at_us, size_t size)
{
    uint8_t data[32] = {0};
    uint64_t start_us = 0;
    uint64_t end_us = 0;
    assert_int_equal(sim_line_drive(&wire, UNIT, at_us, bytes_of(data, size), &start_us, &end_us),
                     OK);
    judge_reply(&judge, start_us, end_us);
    now_us = end_us;
}

static void expect(uint64_t requests, uint64_t violations, uint64_t collisions)
{
    assert_int_equal(judge.requests, requests);
    assert_int_equal(judge.violations, violations);
    assert_int_equal(judge.collisions, collisions);
}

static const uint8_t READ[] = {3, 0, 107, 0, 3};
static const uint8_t WRITE[] = {16, 0, 1, 0, 2, 4, 0, 10, 1, 2};
static const uint8_t OWN[] = {100, 1, 2, 3}; // a function whose length only silence tells

static void test_a_silence_is_kept_or_broken_by_a_microsecond(void **state)
{
    (void)state;
    uint8_t room[32];
    struct bytes frame = frame_of(room, sizeof(room), bytes_of(READ, sizeof(READ)));
    write_at(now_us, frame);
    reply_at(now_us + 5000, 11);
    write_at(now_us + t35_us, frame); // nobody answers
    write_at(now_us + t35_us, frame);
    expect(3, 0, 0);
    assert_int_equal(judge.replies, 1);
    write_at(now_us + t35_us - 1, frame);
    expect(4, 1, 0);
    reply_at(now_us + 5000, 11);
    write_at(now_us - 1, frame); // into its last byte
    expect(5, 2, 1);
}

// What a PTY takes from a master that does not wait: frame upon frame without a pause.
static void test_frames_back_to_back_are_violations(void **state)
{
    (void)state;
    const struct bytes pdus[] = {bytes_of(READ, sizeof(READ)), bytes_of(WRITE, sizeof(WRITE)),
                                 bytes_of(OWN, sizeof(OWN))};
    for (size_t i = 0; i < sizeof(pdus) / sizeof(pdus[0]); i++) {
        (void)set_up(state);
        uint8_t room[32];
        struct bytes frame = frame_of(room, sizeof(room), pdus[i]);
        uint64_t at_us = now_us;
        write_at(at_us, frame);
        write_at(at_us, frame); // the wire moves them to the end of the one before
        write_at(at_us + 10, frame);
        expect(3, 2, 0);
        write_at(now_us + t35_us, frame); // good after bad
        expect(4, 2, 0);
    }
}

static void test_two_frames_in_one_write_are_a_violation(void **state)
{
    (void)state;
    uint8_t room[64];
    size_t size = frame_of(room, 32, bytes_of(READ, sizeof(READ))).size;
    size += frame_of(room + size, 32, bytes_of(WRITE, sizeof(WRITE))).size;
    write_at(now_us, bytes_of(room, size));
    expect(2, 1, 0);
    assert_int_equal(judge_gaps(&judge).min_us, 0);
    // The wire did what it must but for the silence between the two.
    assert_true(judge_utilisation(&judge) > 1);
}

static void test_a_frame_in_pieces_is_one(void **state)
{
    (void)state;
    const struct bytes pdus[] = {bytes_of(READ, sizeof(READ)), bytes_of(WRITE, sizeof(WRITE)),
                                 bytes_of(OWN, sizeof(OWN))};
    uint64_t requests = 0;
    for (size_t i = 0; i < sizeof(pdus) / sizeof(pdus[0]); i++) {
        uint8_t room[32];
        struct bytes frame = frame_of(room, sizeof(room), pdus[i]);
        for (size_t cut = 1; cut < frame.size; cut++) {
            write_at(now_us + t35_us, bytes_of(frame.data, cut));
            write_at(now_us, bytes_of(frame.data + cut, frame.size - cut));
            expect(++requests, 0, 0);
        }
    }
}

// No frame of anybody's: one talker's babble stays one request, whatever its length.
static void test_what_is_no_frame_is_one_request(void **state)
{
    (void)state;
    uint8_t babble[300];
    memset(babble, 0x55, sizeof(babble));
    write_at(now_us, bytes_of(babble, sizeof(babble)));
    write_at(now_us, bytes_of(babble, sizeof(babble)));
    expect(1, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_silence_is_kept_or_broken_by_a_microsecond, set_up),
        cmocka_unit_test_setup(test_frames_back_to_back_are_violations, set_up),
        cmocka_unit_test_setup(test_two_frames_in_one_write_are_a_violation, set_up),
        cmocka_unit_test_setup(test_a_frame_in_pieces_is_one, set_up),
        cmocka_unit_test_setup(test_what_is_no_frame_is_one_request, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
