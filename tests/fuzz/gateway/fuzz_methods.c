// SPDX-License-Identifier: Apache-2.0
// Calls from outside: whatever name and arguments come, each call ends in one answer with a status
// and a JSON object, and the next good one works. The input: calls, each a name, a NUL and the
// arguments, ended by a NUL; their answers from the bus follow from the same bytes.
#include "apps/gateway/methods/methods.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY_SIZE = 2 * 1024 * 1024, CALLS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config_write_rule rules[] = {
    {.bus = "",
     .unit = 1,
     .unit_to = 9,
     .table = 1,
     .count = 100,
     .type = 7,
     .low = -1e9,
     .high = 1e9,
     .is_verified = true},
    {.bus = "", .unit = 1, .unit_to = 9, .table = 0, .count = 100, .high = 1},
};
static struct config_bus bus = {
    .name = "b", .port = "tty:/dev/x", .baud = 19200, .char_bits = 11, .reply_timeout_ms = 500};
static struct config config = {
    .buses = &bus,
    .bus_count = 1,
    .methods = {.is_enabled = true, .writes = rules, .write_count = 2},
};

static void check(bool is_good)
{
    if (!is_good) {
        abort();
    }
}

static uint32_t take_answers(struct methods *m)
{
    struct methods_answer answer;
    uint32_t count = 0;
    while (methods_take_answer(m, &answer)) {
        struct json_reader reader;
        json_reader_init(&reader, answer.body, NULL);
        check(json_peek(&reader) == JSON_OBJECT && json_skip(&reader) && json_end(&reader));
        check(answer.status >= STATUS_OK && answer.status <= STATUS_TIMEOUT);
        count++;
    }
    return count;
}

// The bus answers as the seed says, within the bounds of what a client gives.
static void answer_ask(struct methods *m, uint64_t now_us, const struct methods_out *out,
                       uint32_t seed)
{
    static const uint8_t VALUES[256];
    const struct mb_request *request = &out->ask.request;
    check(mb_request_check(request) == MB_EX_NONE);
    bool is_bits = request->fc == MB_READ_COILS || request->fc == MB_READ_DISCRETE;
    size_t size = is_bits ? (request->count + 7U) / 8 : 2U * request->count;
    struct foreign_answer answer = {.unit = out->ask.unit,
                                    .kind = (enum mb_answer_kind)(seed % (MB_ANSWER_LOST + 1)),
                                    .heard = (enum line_outcome)(seed % LINE_OUTCOME_COUNT),
                                    .reply = {.fc = request->fc}};
    if (seed % 7 == 0) {
        methods_refused(m, now_us, out->bus, seed % 2 == 0 ? ERR_STATE : ERR_BUSY);
        return;
    }
    if (answer.kind == MB_ANSWER_REPLY && seed % 5 == 0) {
        answer.reply.exception = (uint8_t)(seed % 12);
    } else if (request->fc <= MB_READ_INPUT) {
        answer.reply.data = bytes_of(VALUES, size);
    }
    methods_answer(m, now_us, out->bus, &answer);
}

static void drain(struct methods *m, uint64_t now_us, uint32_t *seed)
{
    struct bus_figures figures = {.line = {.wire_us = 1}};
    struct methods_out out;
    while (methods_next(m, now_us, &out)) {
        *seed = *seed * 1664525 + 1013904223;
        if (out.kind == METHODS_OUT_ASK) {
            answer_ask(m, now_us, &out, *seed >> 8);
        } else if (out.kind == METHODS_OUT_FIGURES) {
            methods_figures(m, now_us, &figures);
        } else if (out.kind == METHODS_OUT_WORK && *seed % 3 != 0) {
            methods_worked(m, now_us, out.call, STATUS_OK, false);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = arena_of(calloc(1, MEMORY_SIZE), MEMORY_SIZE);
    struct methods *m = arena_take(&arena, 1, sizeof(*m));
    check(m != NULL && methods_init(m, &(struct methods_config){.config = &config}, &arena) == OK);
    uint64_t now_us = 1000;
    uint32_t seed = (uint32_t)size;
    uint32_t called = 0;
    uint32_t answered = 0;
    for (size_t at = 0; at < size && called < CALLS_MAX;) {
        const uint8_t *name_end = memchr(data + at, 0, size - at);
        size_t name_size = name_end != NULL ? (size_t)(name_end - (data + at)) : size - at;
        size_t from = name_end != NULL ? at + name_size + 1 : size;
        const uint8_t *end = from < size ? memchr(data + from, 0, size - from) : NULL;
        size_t payload_size = end != NULL ? (size_t)(end - (data + from)) : size - from;
        struct az_topic topic = {.name = bytes_of(data + at, name_size), .rid = bytes_of("1", 1)};
        methods_call(m, now_us, &topic, bytes_of(data + from, payload_size));
        called++;
        drain(m, now_us, &seed);
        answered += take_answers(m);
        now_us += seed % (5 * US_PER_S);
        methods_tick(m, now_us);
        drain(m, now_us, &seed);
        answered += take_answers(m);
        at = end != NULL ? from + payload_size + 1 : size;
    }
    for (int i = 0; i < 100; i++) { // all time limits pass
        now_us += US_PER_S;
        methods_tick(m, now_us);
        drain(m, now_us, &seed);
        answered += take_answers(m);
    }
    check(answered == called);
    free(arena.data);
    return 0;
}
