// SPDX-License-Identifier: Apache-2.0
// Goal: messages cross whole and in order, and nothing the other side writes leads outside the data
// or to a stand-still. Method: the other core's end written here from the published layout alone,
// every size, every wrap, then every malformed word; good after bad each time.
#include "port/mt3620/rings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define DATA    256
#define GUARD   64
#define PAYLOAD 180

// Guard bytes around each half: a stray write shows, and the sanitizer sees a stray read.
struct half {
    _Alignas(16) uint8_t before[GUARD];
    uint8_t buffer[RING_HEADER_SIZE + DATA];
    uint8_t after[GUARD];
};

struct world {
    struct half in, out;
    struct rings rings;
    uint8_t message[1024];
    size_t size;
};

static const uint8_t id[RING_ID_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static uint32_t word(const struct half *half, size_t at)
{
    uint32_t value;
    memcpy(&value, half->buffer + at, sizeof value);
    return value;
}

static void set_word(struct half *half, size_t at, uint32_t value)
{
    memcpy(half->buffer + at, &value, sizeof value);
}

static void setup(struct world *w)
{
    memset(w, 0, sizeof *w);
    memset(w->in.before, 0xEE, GUARD);
    memset(w->in.after, 0xEE, GUARD);
    memset(w->out.before, 0xEE, GUARD);
    memset(w->out.after, 0xEE, GUARD);
    struct ring_half in = {.base = w->in.buffer, .data_size = DATA};
    struct ring_half out = {.base = w->out.buffer, .data_size = DATA};
    assert_int_equal(rings_open(&w->rings, in, out), OK);
}

static void assert_unharmed(const struct world *w)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(w->in.before[i], 0xEE);
        assert_int_equal(w->in.after[i], 0xEE);
        assert_int_equal(w->out.before[i], 0xEE);
        assert_int_equal(w->out.after[i], 0xEE);
    }
}

// The other core writes a block at its write position.
static void peer_put(struct world *w, uint32_t size_word, struct bytes payload)
{
    uint32_t at = word(&w->in, 0);
    uint8_t block[1100] = {0};
    memcpy(block, &size_word, 4);
    memcpy(block + 4, id, RING_ID_SIZE);
    memcpy(block + RING_BLOCK_HEAD, payload.data, payload.size);
    size_t space = (RING_BLOCK_HEAD + payload.size + 15) / 16 * 16;
    for (size_t i = 0; i < space; i++) {
        w->in.buffer[RING_HEADER_SIZE + (at + i) % DATA] = block[i];
    }
    set_word(&w->in, 0, (uint32_t)((at + space) % DATA));
}

static void peer_send(struct world *w, const void *data, size_t size)
{
    peer_put(w, (uint32_t)size + 20, bytes_of(data, size));
}

// The other core takes one block of ours.
static void peer_take(struct world *w, struct bytes expected)
{
    uint32_t at = word(&w->in, 4);
    assert_true(at != word(&w->out, 0));
    uint32_t size = word(&w->out, RING_HEADER_SIZE + at);
    assert_int_equal(size, expected.size + 20);
    uint8_t block[1100];
    for (size_t i = 0; i < size; i++) {
        block[i] = w->out.buffer[RING_HEADER_SIZE + (at + 4 + i) % DATA];
    }
    assert_memory_equal(block, id, RING_ID_SIZE);
    assert_memory_equal(block + 16, "\0\0\0\0", 4);
    assert_memory_equal(block + 20, expected.data, expected.size);
    set_word(&w->in, 4, (uint32_t)((at + (4 + size + 15) / 16 * 16) % DATA));
}

static enum err receive(struct world *w)
{
    return rings_receive(&w->rings, w->message, PAYLOAD, &w->size);
}

static void assert_good_after_bad(struct world *w)
{
    peer_send(w, "good", 4);
    enum err err = receive(w);
    if (err == ERR_CORRUPT) { // what was dropped took this one along: the next arrives
        peer_send(w, "good", 4);
        err = receive(w);
    }
    assert_int_equal(err, OK);
    assert_int_equal(w->size, 4);
    assert_memory_equal(w->message, "good", 4);
    assert_int_equal(receive(w), ERR_EMPTY);
    assert_unharmed(w);
}

static void test_messages_cross_whole_at_every_wrap(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    uint8_t data[PAYLOAD];
    for (unsigned round = 0; round < 2000; round++) {
        size_t size = round % (PAYLOAD + 1);
        memset(data, (int)round, size);
        peer_send(&w, data, size);
        assert_int_equal(receive(&w), OK);
        assert_int_equal(w.size, size);
        assert_memory_equal(w.message, data, size);
        assert_int_equal(word(&w.out, 4), word(&w.in, 0)); // it is told how far we have read
        assert_int_equal(receive(&w), ERR_EMPTY);

        assert_int_equal(rings_send(&w.rings, id, bytes_of(data, size)), OK);
        peer_take(&w, bytes_of(data, size));
        assert_unharmed(&w);
    }
}

static void test_a_full_ring_says_so_and_keeps_order(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    for (unsigned start = 0; start < 8; start++) {
        unsigned sent = 0;
        uint8_t byte = 0;
        while (rings_send(&w.rings, id, bytes_of(&byte, 1)) == OK) {
            byte = (uint8_t)++sent;
        }
        assert_int_equal(rings_send(&w.rings, id, bytes_of(&byte, 1)), ERR_FULL);
        assert_int_equal(sent, (DATA - 16) / 32);
        for (unsigned i = 0; i < sent; i++) {
            byte = (uint8_t)i;
            peer_take(&w, bytes_of(&byte, 1));
        }
        assert_int_equal(rings_send(&w.rings, id, bytes_of("x", 1)), OK);
        peer_take(&w, bytes_of("x", 1));
    }
    uint8_t big[DATA] = {0};
    assert_int_equal(rings_send(&w.rings, id, bytes_of(big, DATA - 16 - 24)), OK);
    assert_int_equal(rings_send(&w.rings, id, bytes_of(big, DATA - 16 - 23)), ERR_SIZE);
}

static void test_malformed_sizes_are_dropped(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0,    1,          19,         49,         256,       257,
                                     1020, 0x7FFFFFFF, 0xFFFFFFE0, 0xFFFFFFFC, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct world w;
        setup(&w);
        peer_put(&w, sizes[i], bytes_of("0123456789", 10)); // takes 48 bytes
        assert_int_equal(receive(&w), ERR_CORRUPT);
        assert_int_equal(receive(&w), ERR_EMPTY);
        assert_good_after_bad(&w);
    }
    struct world w; // whole, but larger than the caller's buffer
    setup(&w);
    uint8_t big[PAYLOAD + 1] = {0};
    peer_send(&w, big, sizeof big);
    assert_int_equal(receive(&w), ERR_CORRUPT);
    assert_good_after_bad(&w);
}

static void test_malformed_positions_are_reported_once(void **state)
{
    (void)state;
    static const uint32_t positions[] = {1,          15,         DATA,      DATA + 16,
                                         0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++) {
        struct world w;
        setup(&w);
        set_word(&w.in, 0, positions[i]);
        assert_int_equal(receive(&w), ERR_CORRUPT);
        assert_int_equal(receive(&w), ERR_EMPTY); // or the loop would never sleep
        set_word(&w.in, 0, 0);
        assert_good_after_bad(&w);

        set_word(&w.in, 4, positions[i]);
        assert_int_equal(rings_send(&w.rings, id, bytes_of("x", 1)), ERR_CORRUPT);
        set_word(&w.in, 4, word(&w.out, 0));
        assert_int_equal(rings_send(&w.rings, id, bytes_of("x", 1)), OK);
        assert_unharmed(&w);
    }
}

static void test_buffers_begun_anew_are_followed(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    peer_send(&w, "abc", 3);
    assert_int_equal(receive(&w), OK);
    assert_int_equal(rings_send(&w.rings, id, bytes_of("abc", 3)), OK);
    memset(w.in.buffer, 0, RING_HEADER_SIZE);
    memset(w.out.buffer, 0, RING_HEADER_SIZE);
    assert_int_equal(receive(&w), ERR_EMPTY);
    assert_good_after_bad(&w);
    assert_int_equal(rings_send(&w.rings, id, bytes_of("xy", 2)), OK);
    peer_take(&w, bytes_of("xy", 2));

    set_word(&w.out, 4, 0xFFFFFFF1U); // our own words spoilt: never followed out of the data
    set_word(&w.out, 0, 0xFFFFFFF0U);
    set_word(&w.in, 0, 0);
    assert_int_equal(receive(&w), ERR_EMPTY);
    assert_good_after_bad(&w);
}

static void test_sizes_that_cannot_be(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    static const uint32_t sizes[] = {0, 32, 63, 65, RING_DATA_MAX + 16, 0xFFFFFFF0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ring_half good = {.base = w.in.buffer, .data_size = DATA};
        struct ring_half bad = {.base = w.out.buffer, .data_size = sizes[i]};
        assert_int_equal(rings_open(&w.rings, good, bad), ERR_SIZE);
        assert_int_equal(rings_open(&w.rings, bad, good), ERR_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_cross_whole_at_every_wrap),
        cmocka_unit_test(test_a_full_ring_says_so_and_keeps_order),
        cmocka_unit_test(test_malformed_sizes_are_dropped),
        cmocka_unit_test(test_malformed_positions_are_reported_once),
        cmocka_unit_test(test_buffers_begun_anew_are_followed),
        cmocka_unit_test(test_sizes_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
