// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/mt3620/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

static void open_with(struct rig *rig, const char *guest, uint8_t which, const struct mt_cfg *cfg)
{
    char path[512];
    char problem[256] = "";
    memset(rig, 0, sizeof *rig);
    snprintf(path, sizeof path, "%s/%s.elf", MT3620_GUESTS, guest);
    struct mt_cfg with_elf = *cfg;
    with_elf.elf = path;
    rig->mt = mt_open(&with_elf, problem, sizeof problem);
    if (rig->mt == NULL) {
        fail_msg("%s", problem);
    }
    rig_choose(rig, which);
}

void rig_open(struct rig *rig, const char *guest, uint8_t which, const struct mt_knobs *knobs)
{
    struct mt_cfg cfg = {.knobs = knobs == NULL ? (struct mt_knobs){0} : *knobs};
    open_with(rig, guest, which, &cfg);
}

void rig_open_traced(struct rig *rig, const char *guest, uint8_t which, const char *trace)
{
    open_with(rig, guest, which, &(struct mt_cfg){.trace = trace});
}

void rig_choose(struct rig *rig, uint8_t which)
{
    // Time for the guest to set the UART up first.
    struct mt_rx in = {.uart = 4,
                       .byte = which,
                       .start_u = mt_now_u(rig->mt) + 500 * MT_U_PER_US,
                       .bit_u = RIG_BIT_U};
    uint64_t end_u;
    assert_int_equal(mt_rx(rig->mt, &in, &end_u), OK);
}

enum mt_ran rig_run(struct rig *rig, uint64_t until_us)
{
    enum mt_ran ran;
    do {
        ran = mt_run(rig->mt, until_us * MT_U_PER_US);
        struct mt_event event;
        while (mt_next(rig->mt, &event)) {
            assert_true(rig->event_count < RIG_EVENTS_MAX);
            rig->events[rig->event_count++] = event;
        }
    } while (ran == MT_OUTPUT);
    uint32_t count_at;
    uint32_t results_at;
    assert_true(mt_symbol(rig->mt, "result_count", &count_at));
    assert_true(mt_symbol(rig->mt, "results", &results_at));
    assert_true(mt_peek(rig->mt, count_at, &rig->result_count, sizeof rig->result_count));
    assert_true(mt_peek(rig->mt, results_at, rig->results, sizeof rig->results));
    return ran;
}

void rig_close(struct rig *rig)
{
    mt_close(rig->mt);
}

const struct mt_event *rig_event(const struct rig *rig, enum mt_event_kind kind, size_t n)
{
    for (size_t i = 0; i < rig->event_count; i++) {
        if (rig->events[i].kind == kind && n-- == 0) {
            return &rig->events[i];
        }
    }
    return NULL;
}

const struct mt_event *rig_pin(const struct rig *rig, unsigned pin, bool level, size_t n)
{
    for (size_t i = 0; i < rig->event_count; i++) {
        const struct mt_event *event = &rig->events[i];
        if (event->kind == MT_PIN && event->pin == pin && event->level == level && n-- == 0) {
            return event;
        }
    }
    return NULL;
}

void rig_expect_failure(const struct rig *rig, const char *text)
{
    const char *failure = mt_failure(rig->mt);
    if (failure == NULL || strstr(failure, text) == NULL) {
        fail_msg("failure is \"%s\", not \"...%s...\"", failure == NULL ? "none" : failure, text);
    }
}

uint64_t rig_hear(struct rig *rig, uint64_t at_u, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        struct mt_rx in = {.byte = (uint8_t)text[i], .start_u = at_u, .bit_u = RIG_BIT_U};
        assert_int_equal(mt_rx(rig->mt, &in, &at_u), OK);
    }
    return at_u;
}
