// SPDX-License-Identifier: Apache-2.0
// Goal: what is written can be read, and nothing else is taken for a message. Method: every kind as
// a pair; every byte count too short and too long; every limit and the value beyond it; vectors.
#include "intercore/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

static const uint8_t FRAME[] = {0x11, 0x03, 0x00, 0x6b, 0x00, 0x03, 0x76, 0x87};

static void fill_of_host(struct ic_message *out)
{
    struct ic_message m = *out;
    switch (m.head.kind) {
    case IC_HELLO:
        m.u.hello = (struct ic_hello){.version_min = 1,
                                      .version_max = 3,
                                      .reason = IC_HELLO_ANSWER,
                                      .queue_length = 16,
                                      .message_max = 1000,
                                      .crash = {.end = IC_END_ASSERT,
                                                .line = 99,
                                                .file = "line/receive.c",
                                                .registers = {1, 2, 3, 4, 5, 6, 7, 8},
                                                .cfsr = 9,
                                                .hfsr = 10,
                                                .address = 11,
                                                .count = 12},
                                      .firmware = bytes_of("0.1.0", 5)};
        break;
    case IC_LINE_SETUP:
        m.u.line_setup = (struct ic_line_setup){.id = 7,
                                                .baud = 115200,
                                                .parity = 2,
                                                .stop_bits = 1,
                                                .guard_bits8 = 12,
                                                .lead_bits8 = 8,
                                                .t1_5_us = 751,
                                                .t3_5_us = 1751,
                                                .busy_max_us = 5,
                                                .de_active_low = true,
                                                .echo = true};
        break;
    case IC_SEND:
        m.u.send = (struct ic_send){.token = 42,
                                    .barrier = true,
                                    .reply_timeout_us = 1000000,
                                    .turnaround_us = 100000,
                                    .frame = bytes_of(FRAME, sizeof FRAME)};
        break;
    case IC_CANCEL: m.u.cancel = 42; break;
    case IC_SYNC_ASK: m.u.sync.asked_us = 1; break;
    case IC_REFUSED:
        m.u.refused = (struct ic_refused){
            .reason = IC_REFUSED_FULL, .kind = IC_SEND, .version = 1, .detail = 42};
        break;
    default: break;
    }
    *out = m;
}

static void fill_of_core(struct ic_message *out)
{
    struct ic_message m = *out;
    switch (m.head.kind) {
    case IC_LINE_STATE:
        m.u.line_state = (struct ic_line_state){
            .id = 7, .char_bits = 11, .baud = 115198, .char_ns = 95488, .t1_5_us = 1, .t3_5_us = 2};
        break;
    case IC_DONE:
        m.u.done = (struct ic_done){.token = 42,
                                    .outcome = 3,
                                    .held = true,
                                    .late_bytes = 2,
                                    .hold_ns = 13021,
                                    .tx_first_us = UINT64_C(0x0102030405060708),
                                    .tx_end_us = 2,
                                    .rx_first_us = 3,
                                    .rx_last_us = 4,
                                    .reply = bytes_of(FRAME, 5)};
        break;
    case IC_SYNC: m.u.sync = (struct ic_sync){.asked_us = 1, .received_us = 2, .sent_us = 3}; break;
    case IC_STATS:
        m.u.stats = (struct ic_stats){.tx_bytes = 1, .wire_us = UINT64_MAX, .hold_max_ns = 9};
        m.u.stats.done_count[8] = 8;
        m.u.stats.hold_steps[15] = 65535;
        break;
    case IC_SNIFFED:
        m.u.sniffed = (struct ic_sniffed){.last_us = 5, .frame = bytes_of(FRAME, 1)};
        break;
    case IC_LOG:
        m.u.logs = (struct ic_logs){.dropped = 3, .records = bytes_of("0123456789abcdef", 16)};
        break;
    default: break;
    }
    *out = m;
}

static struct ic_message sample(uint8_t kind)
{
    struct ic_message m = {
        .head = {.version = IC_VERSION, .kind = kind, .from = 0x11223344, .to = 0x55667788}};
    m.head.sequence = 0x0102;
    fill_of_host(&m);
    fill_of_core(&m);
    return m;
}

static size_t encode(const struct ic_message *m, uint8_t out[IC_MESSAGE_MAX])
{
    struct writer w = writer_of(out, IC_MESSAGE_MAX);
    assert_int_equal(ic_encode(m, &w), OK);
    return w.size;
}

static void test_every_kind_comes_back_and_no_other_size_does(void **state)
{
    (void)state;
    for (uint8_t kind = 1; kind < IC_KIND_COUNT; kind++) {
        struct ic_message m = sample(kind);
        struct ic_message back;
        uint8_t bytes[IC_MESSAGE_MAX + 1];
        uint8_t again[IC_MESSAGE_MAX];
        size_t size = encode(&m, bytes);
        assert_true(size <= IC_CORE_MESSAGE_MAX || kind == IC_SEND);
        assert_int_equal(ic_decode(bytes_of(bytes, size), &back), OK);
        assert_memory_equal(&back.head, &m.head, sizeof m.head);
        assert_int_equal(encode(&back, again), size);
        assert_memory_equal(bytes, again, size);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *exact = malloc(cut + 1); // so that a read beyond it is seen
            assert_non_null(exact);
            memcpy(exact, bytes, cut);
            assert_int_equal(ic_decode(bytes_of(exact, cut), &back), ERR_CORRUPT);
            free(exact);
        }
        bytes[size] = 0;
        assert_int_equal(ic_decode(bytes_of(bytes, size + 1), &back), ERR_CORRUPT);
        bytes[2]++; // the size it says, with a byte that the kind may not have
        bool may_grow =
            kind == IC_HELLO || kind == IC_SEND || kind == IC_DONE || kind == IC_SNIFFED;
        assert_int_equal(ic_decode(bytes_of(bytes, size + 1), &back), may_grow ? OK : ERR_CORRUPT);
        for (size_t room = 0; room < size; room++) {
            struct writer w = writer_of(again, room);
            assert_int_equal(ic_encode(&m, &w), ERR_SIZE);
            assert_int_equal(w.size, 0);
        }
    }
}

static void test_the_longest_ones_fit(void **state)
{
    (void)state;
    static uint8_t frame[IC_FRAME_MAX + 1];
    uint8_t out[IC_MESSAGE_MAX];
    struct ic_message m = sample(IC_DONE);
    m.u.done.reply = bytes_of(frame, IC_FRAME_MAX);
    assert_int_equal(encode(&m, out), IC_CORE_MESSAGE_MAX);
    struct writer w = writer_of(out, sizeof out);
    m.u.done.reply.size++;
    assert_int_equal(ic_encode(&m, &w), ERR_SIZE);
    m = sample(IC_SEND);
    m.u.send.frame = bytes_of(frame, IC_FRAME_MAX + 1);
    assert_int_equal(ic_encode(&m, &w), ERR_SIZE);
    m.u.send.frame = bytes_of(frame, 0);
    assert_int_equal(ic_encode(&m, &w), ERR_SIZE);
    m = sample(IC_LOG);
    m.u.logs.records = bytes_of(frame, IC_FRAME_MAX);
    assert_true(encode(&m, out) <= IC_CORE_MESSAGE_MAX);
}

// Bytes at a place of a message that it may not have there.
static void test_what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        size_t at;
        uint8_t good, bad;
    } CASES[] = {
        {IC_HELLO, 16, 1, 0},        {IC_HELLO, 17, 255, 0},    {IC_HELLO, 18, 3, 4},
        {IC_HELLO, 19, 16, 17},      {IC_HELLO, 21, 3, 5},      {IC_HELLO, 22, 3, 4},
        {IC_LINE_SETUP, 24, 2, 3},   {IC_LINE_SETUP, 25, 2, 3}, {IC_LINE_SETUP, 25, 1, 0},
        {IC_LINE_SETUP, 40, 15, 16}, {IC_LINE_STATE, 20, 3, 4}, {IC_SEND, 20, 3, 4},
        {IC_DONE, 20, 8, 9},         {IC_DONE, 21, 1, 2},       {IC_REFUSED, 16, 5, 6},
        {IC_REFUSED, 16, 1, 0},      {IC_CANCEL, 14, 0, 1},
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct ic_message m = sample(CASES[i].kind);
        struct ic_message back;
        uint8_t bytes[IC_MESSAGE_MAX];
        size_t size = encode(&m, bytes);
        bytes[CASES[i].at] = CASES[i].good;
        assert_int_equal(ic_decode(bytes_of(bytes, size), &back), OK);
        bytes[CASES[i].at] = CASES[i].bad;
        assert_int_equal(ic_decode(bytes_of(bytes, size), &back), ERR_CORRUPT);
        assert_int_equal(back.head.from, 0x11223344); // so that it can be answered
    }
}

static void test_unknown_versions_and_kinds_keep_their_head(void **state)
{
    (void)state;
    struct ic_message m = sample(IC_SEND);
    struct ic_message back;
    uint8_t bytes[IC_MESSAGE_MAX];
    size_t size = encode(&m, bytes);
    bytes[0] = 2;
    assert_int_equal(ic_decode(bytes_of(bytes, size), &back), ERR_UNSUPPORTED);
    assert_int_equal(back.head.version, 2);
    bytes[0] = IC_VERSION;
    bytes[1] = IC_KIND_COUNT;
    assert_int_equal(ic_decode(bytes_of(bytes, size), &back), ERR_UNSUPPORTED);
    assert_int_equal(back.head.kind, IC_KIND_COUNT);
    bytes[1] = 0;
    assert_int_equal(ic_decode(bytes_of(bytes, size), &back), ERR_UNSUPPORTED);
    // HELLO is read in every version: it is what tells them.
    m = sample(IC_HELLO);
    size = encode(&m, bytes);
    bytes[0] = 9;
    assert_int_equal(ic_decode(bytes_of(bytes, size), &back), OK);
    assert_int_equal(back.u.hello.version_max, 3);
    // Nobody sends from boot 0, and only HELLO goes to boot 0.
    memset(bytes + 8, 0, 4);
    assert_int_equal(ic_decode(bytes_of(bytes, size), &back), OK);
    memset(bytes + 4, 0, 4);
    assert_int_equal(ic_decode(bytes_of(bytes, size), &back), ERR_CORRUPT);
    m = sample(IC_SEND);
    size = encode(&m, bytes);
    memset(bytes + 8, 0, 4);
    assert_int_equal(ic_decode(bytes_of(bytes, size), &back), ERR_CORRUPT);
}

static int nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

// Each line of the file: a kind's name and its sample's bytes in hex.
static void test_vectors(void **state)
{
    (void)state;
    FILE *file = fopen(VECTORS, "r");
    assert_non_null(file);
    char line[2048];
    uint32_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char name[32];
        char hex[1600];
        if (line[0] == '#' || sscanf(line, "%31s %1599s", name, hex) != 2) {
            continue;
        }
        uint8_t kind = 1;
        while (kind < IC_KIND_COUNT && strcmp(ic_kind_name(kind), name) != 0) {
            kind++;
        }
        assert_true(kind < IC_KIND_COUNT);
        struct ic_message m = sample(kind);
        uint8_t bytes[IC_MESSAGE_MAX];
        size_t size = encode(&m, bytes);
        assert_int_equal(strlen(hex), 2 * size);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(bytes[i], nibble(hex[2 * i]) * 16 + nibble(hex[2 * i + 1]));
        }
        count++;
    }
    (void)fclose(file);
    assert_int_equal(count, IC_KIND_COUNT - 1);
}

static void test_log_records_keep_their_fields(void **state)
{
    (void)state;
    const struct ic_log log = {
        .at_us = UINT64_C(0x1122334455667788), .event = IC_LOG_SETUP, .a = 0xffff, .b = 0x80000001};
    uint8_t bytes[IC_LOG_SIZE];
    struct writer w = writer_of(bytes, sizeof bytes);
    ic_log_put(&log, &w);
    assert_int_equal(w.size, IC_LOG_SIZE);
    const struct ic_logs logs = {.records = writer_bytes(&w)};
    assert_int_equal(ic_log_count(&logs), 1);
    struct ic_log back = ic_log_at(&logs, 0);
    assert_memory_equal(&back, &log, sizeof log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_comes_back_and_no_other_size_does),
        cmocka_unit_test(test_the_longest_ones_fit),
        cmocka_unit_test(test_what_is_out_of_range_is_refused),
        cmocka_unit_test(test_unknown_versions_and_kinds_keep_their_head),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_log_records_keep_their_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
