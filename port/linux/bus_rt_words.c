// SPDX-License-Identifier: Apache-2.0
#include "port/linux/bus_rt_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static void fault_words(const struct ic_crash *crash, char *out, size_t capacity)
{
    static const char *const NAMES[] = {"r0", "r1", "r2", "r3", "r12", "lr", "pc", "psr"};
    _Static_assert(COUNT_OF(NAMES) == IC_REGISTERS, "each has its name");
    size_t size =
        (size_t)snprintf(out, capacity,
                         " after a fault at %08" PRIx32 " (cfsr %08" PRIx32 ", hfsr %08" PRIx32
                         ", address %08" PRIx32,
                         crash->registers[IC_PC], crash->cfsr, crash->hfsr, crash->address);
    for (size_t i = 0; i < IC_REGISTERS && size < capacity; i++) {
        size += (size_t)snprintf(out + size, capacity - size, ", %s %08" PRIx32, NAMES[i],
                                 crash->registers[i]);
    }
    if (size < capacity) {
        snprintf(out + size, capacity - size, ")");
    }
}

void bus_rt_crash(const struct ic_crash *crash, char *out, size_t capacity)
{
    switch ((enum ic_end)crash->end) {
    case IC_END_NONE: out[0] = '\0'; return;
    case IC_END_ASSERT: {
        char file[IC_FILE_MAX + 1] = "";
        for (size_t i = 0; i < IC_FILE_MAX && crash->file[i] != '\0'; i++) {
            file[i] = (char)(crash->file[i] > ' ' && crash->file[i] < 0x7f ? crash->file[i] : '?');
        }
        snprintf(out, capacity, " after an assertion at %s:%" PRIu32, file, crash->line);
        return;
    }
    case IC_END_FAULT: fault_words(crash, out, capacity); return;
    case IC_END_WATCHDOG: snprintf(out, capacity, " after its watchdog ran out"); return;
    }
    out[0] = '\0';
}

static void setup_words(const struct ic_host *host, char *out, size_t capacity)
{
    uint32_t baud = host->cfg.setup.baud;
    switch ((enum ic_setup_result)host->line_state.result) {
    case IC_SETUP_RANGE:
        snprintf(out, capacity, "the core refuses the line: %" PRIu32 " baud is out of its range",
                 baud);
        return;
    case IC_SETUP_UNSUPPORTED:
        snprintf(out, capacity,
                 "the core refuses the line: its clock misses %" PRIu32 " baud by more than 1 %%",
                 baud);
        return;
    case IC_SETUP_OK:
    case IC_SETUP_FAILED: break;
    }
    snprintf(out, capacity, "the core cannot set up the line");
}

void bus_rt_trouble(const struct ic_host *host, enum ic_trouble trouble, const char *link,
                    char *out, size_t capacity)
{
    char crash[BUS_RT_CRASH_MAX];
    const struct ic_hello *hello = &host->core_hello;
    switch (trouble) {
    case IC_TROUBLE_NONE: out[0] = '\0'; break;
    case IC_TROUBLE_LINK: snprintf(out, capacity, "%s", link); break;
    case IC_TROUBLE_NO_ANSWER: snprintf(out, capacity, "the core does not answer"); break;
    case IC_TROUBLE_VERSION:
        snprintf(out, capacity,
                 "the core (%s) speaks intercore %u to %u, this gateway %d: update one of them",
                 host->firmware, hello->version_min, hello->version_max, IC_VERSION);
        break;
    case IC_TROUBLE_SETUP: setup_words(host, out, capacity); break;
    case IC_TROUBLE_SILENT: snprintf(out, capacity, "the core fell silent"); break;
    case IC_TROUBLE_RESTART:
        bus_rt_crash(&hello->crash, crash, sizeof crash);
        snprintf(out, capacity, "the core restarted%s", crash);
        break;
    case IC_TROUBLE_GAP: snprintf(out, capacity, "a message to or from the core was lost"); break;
    case IC_TROUBLE_OVERDUE: snprintf(out, capacity, "the core owes the outcome of a frame"); break;
    case IC_TROUBLE_NONSENSE: snprintf(out, capacity, "the core says what cannot be true"); break;
    }
}

struct event_words {
    uint16_t event;
    enum ic_log_level level;
    const char *name;
    const char *words;
};

#define EVENT_WORDS(name, number, level, words) {(number), IC_LOG_##level, #name, (words)},
static const struct event_words EVENTS[] = {IC_LOG_EVENTS(EVENT_WORDS)};
#undef EVENT_WORDS

static const struct event_words *find_event(uint16_t event)
{
    for (size_t i = 0; i < COUNT_OF(EVENTS); i++) {
        if (EVENTS[i].event == event) {
            return &EVENTS[i];
        }
    }
    return NULL;
}

// Writes one argument in place of "{a}" and the like; false: no such place here.
static bool put_argument(const char *at, const struct ic_log *log, char *out, size_t capacity)
{
    if (at[0] != '{' || at[1] == '\0' || at[2] != '}') {
        return false;
    }
    switch (at[1]) {
    case 'a': snprintf(out, capacity, "%u", log->a); return true;
    case 'b': snprintf(out, capacity, "%" PRIu32, log->b); return true;
    case 'A': snprintf(out, capacity, "%04x", log->a); return true;
    case 'B': snprintf(out, capacity, "%08" PRIx32, log->b); return true;
    default: return false;
    }
}

void bus_rt_log(const struct ic_log *log, enum ic_log_level *level, char *out, size_t capacity)
{
    const struct event_words *event = find_event(log->event);
    *level = event != NULL ? event->level : IC_LOG_WARN;
    if (event == NULL) {
        snprintf(out, capacity, "event %u of a newer firmware (%u, %" PRIu32 ")", log->event,
                 log->a, log->b);
        return;
    }
    size_t size = 0;
    for (const char *at = event->words; *at != '\0' && size + 1 < capacity;) {
        if (put_argument(at, log, out + size, capacity - size)) {
            size += strlen(out + size);
            at += 3;
        } else {
            out[size++] = *at++;
        }
    }
    out[size] = '\0';
}

const char *bus_rt_log_name(uint16_t event)
{
    const struct event_words *found = find_event(event);
    return found != NULL ? found->name : "UNKNOWN";
}
