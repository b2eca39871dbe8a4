// SPDX-License-Identifier: Apache-2.0
// The methods' machine with the real poller and Modbus client on a scripted bus in virtual time.
#ifndef TESTS_GATEWAY_METHODS_BENCH_H
#define TESTS_GATEWAY_METHODS_BENCH_H

#include "apps/gateway/methods/methods.h"
#include "tests/unit/gateway/world.h"

enum { ANSWERS_MAX = 64, NOTES_MAX = 64, TEXT_SIZE = METHODS_BODY_SIZE + 1 };

struct answer {
    uint32_t status;
    char rid[16];
    char body[TEXT_SIZE];
};

extern struct methods_bench {
    struct world w;
    struct methods m;
    struct answer answers[ANSWERS_MAX];
    size_t answer_count;
    char notes[NOTES_MAX][METHODS_NOTE_SIZE + 1];
    size_t note_count;
    char report[METHODS_REPORT_SIZE + 1]; // the last one
    uint32_t reports;
    uint32_t works, led_changes, led_over, restarts, log_changes, log_level;
    uint32_t work_status;
    bool is_work_held, work_restarts;
    uint32_t held_call;
    bool is_led_on;
    struct bus_figures figures;
} b;

#define RULES                                                                                      \
    "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"count\":4,\"low\":10,\"high\":20},"       \
    "{\"unit\":1,\"table\":\"holding\",\"address\":110,\"count\":4,\"type\":\"f32\",\"order\":"    \
    "\"CDAB\",\"low\":-5,\"high\":5,\"verify\":false},"                                            \
    "{\"bus\":\"b\",\"unit\":2,\"unit_to\":3,\"table\":\"coil\",\"address\":7,\"count\":20,"       \
    "\"low\":0,\"high\":1},"                                                                       \
    "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"count\":1,\"type\":\"i16\",\"low\":"      \
    "-100000,\"high\":100000}"
#define CONFIG(methods)                                                                            \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"methods\":{" methods "},\"buses\":["        \
    "{\"name\":\"b\",\"port\":\"tty:/dev/x\",\"reply_timeout_ms\":500,\"devices\":[" DEVICE(       \
        "a", "1") "," DEVICE("c", "2") "]}]}"

// has_led: the configuration names a light. The bus is up and has been polled.
void open_with(const char *config, bool has_led);
void open_bench(void);
// Hooks of the world.
uint64_t on_turn(void *ctx);
void on_answer(void *ctx, uint32_t bus, const struct foreign_answer *answer);

void call(const char *rid, const char *name, const char *payload);
const struct answer *wait_answer(uint64_t most_us);
const struct answer *last(void);
void expect(const struct answer *answer, uint32_t status, const char *words);
// A call whose answer comes at once; or that needs the bus.
void expect_now(const char *name, const char *payload, uint32_t status, const char *words);
void expect_later(const char *name, const char *payload, uint32_t status, const char *words);

#endif
