// SPDX-License-Identifier: Apache-2.0
// busward scan: asks every unit of a range whether it is there, and then who it is.
#include "apps/cli/commands.h"

#include "apps/cli/asker.h"
#include "base/assert.h"
#include "modbus/ident.h"

#include <stdio.h>

enum { IDENT_PARTS_MAX = 16, LATE_MS = 1 };

struct scan_options {
    struct line_options line;
    uint64_t from, to;
};

static const struct option SCAN_OPTIONS[] = {
    LINE_OPTIONS("200", "0"),
    {"from", OPTION_UINT, offsetof(struct scan_options, from), 1, 247, "1", "first unit address"},
    {"to", OPTION_UINT, offsetof(struct scan_options, to), 1, 247, "247", "last unit address"},
};

static const struct option_table SCAN_TABLE = {
    .program = "busward scan",
    .purpose = "Finds the units of a bus: reads holding register 0, then the identification.",
    .options = SCAN_OPTIONS,
    .count = COUNT_OF(SCAN_OPTIONS),
};

static const char *object_name(uint8_t id)
{
    static const char *const names[] = {"vendor",       "product",    "revision",   "url",
                                        "product name", "model name", "application"};
    return id < COUNT_OF(names) ? names[id] : NULL;
}

static void print_objects(struct bytes data)
{
    struct reader objects = reader_of(data);
    struct mb_object object;
    while (mb_ident_object(&objects, &object)) {
        const char *name = object_name(object.id);
        if (name != NULL) {
            printf(", %s \"", name);
        } else {
            printf(", object %u \"", object.id);
        }
        for (size_t i = 0; i < object.value.size; i++) {
            const uint8_t c = object.value.data[i];
            putchar(c >= 0x20 && c < 0x7f ? c : '?');
        }
        putchar('"');
    }
}

// Returns whether the unit told anything.
static bool identify(struct asker *asker, uint8_t unit, enum mb_ident_code code)
{
    struct mb_request request = {.fc = MB_ENCAPSULATED, .ident_code = (uint8_t)code};
    for (int part = 0; part < IDENT_PARTS_MAX; part++) {
        if (asker_ask(asker, unit, &request) != MB_ANSWER_REPLY ||
            asker->reply.exception != MB_EX_NONE) {
            return part > 0;
        }
        print_objects(asker->reply.data);
        // A unit that goes back would never end.
        if (!asker->reply.more_follows || asker->reply.next_object <= request.object_id) {
            return true;
        }
        request.object_id = asker->reply.next_object;
    }
    return true;
}

// False: the port is gone.
static bool scan_unit(struct asker *asker, uint8_t unit, unsigned *found)
{
    const struct mb_request request = {.fc = MB_READ_HOLDING, .count = 1};
    switch (asker_ask(asker, unit, &request)) {
    case MB_ANSWER_WITHDRAWN: // never: nothing is cancelled here
    case MB_ANSWER_LOST:
        fprintf(stderr, "%s: %s: the port went away\n", asker->program, asker->options.port);
        return false;
    case MB_ANSWER_BAD:
        printf("unit %3u: noise (%s): another speed or format, or several units at this address\n",
               unit, poll_failure_name(asker->failure));
        return true;
    case MB_ANSWER_BUSY: printf("unit %3u: %s\n", unit, poll_failure_hint(POLL_BUSY)); return true;
    case MB_ANSWER_TIMEOUT:
    case MB_ANSWER_SENT: return true;
    case MB_ANSWER_REPLY: break;
    }
    const uint8_t exception = asker->reply.exception;
    if (exception == MB_EX_PATH || exception == MB_EX_TARGET) {
        return true; // a gateway on the way says that nobody is there
    }
    ++*found;
    printf("unit %3u: here", unit);
    if (!identify(asker, unit, MB_IDENT_REGULAR) && !identify(asker, unit, MB_IDENT_BASIC)) {
        fputs(", no identification", stdout);
    }
    putchar('\n');
    fflush(stdout);
    return true;
}

int command_scan(int argc, char **argv)
{
    struct scan_options options = {.from = 0};
    struct asker asker;
    switch (options_parse(&SCAN_TABLE, argc, argv, &options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    if (options.from > options.to) {
        fprintf(stderr, "%s: --from %u lies above --to %u\n", SCAN_TABLE.program,
                (unsigned)options.from, (unsigned)options.to);
        return 2;
    }
    // Another unit is asked next, so a late reply is told by its address.
    if (!asker_open(&asker, SCAN_TABLE.program, &options.line, LATE_MS)) {
        return 1;
    }
    unsigned found = 0;
    bool is_up = true;
    for (uint64_t unit = options.from; unit <= options.to && is_up; unit++) {
        is_up = scan_unit(&asker, (uint8_t)unit, &found);
    }
    asker_close(&asker);
    printf("%u of %u units answered\n", found, (unsigned)(options.to - options.from + 1));
    return is_up ? 0 : 1;
}
