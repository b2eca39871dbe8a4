// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/methods_table.h"

#include "apps/gateway/config/config_methods.h"
#include "apps/gateway/config/fields_table.h"
#include "apps/gateway/config/profile_words.h"
#include "apps/gateway/methods/method_value.h"
#include "apps/gateway/methods/methods_args.h"

#include <string.h>

const char *const LOG_LEVEL_WORDS[] = {"error", "warn", "info", "debug", NULL};

#define BUS(type)                                                                                  \
    {                                                                                              \
        "bus", FIELD_TEXT, 0, AT(type, bus),                                                       \
            .max = NAME_SIZE_MAX, .help = "its name; may be left out if there is one only"         \
    }

static const struct field HELP_FIELDS[] = {
    {"method", FIELD_TEXT, 0, AT(args_help, method), .max = 64,
     .help = "its name; left out: a list of all"},
};
static const struct field IDENTIFY_FIELDS[] = {
    {"for_s", FIELD_UINT, 0, AT(args_identify, for_s), .max = 600, .fallback = 30,
     .help = "how long to blink; 0 ends it"},
};
static const struct field READ_FIELDS[] = {
    BUS(args_read),
    {"unit", FIELD_UINT, FIELD_REQUIRED, AT(args_read, unit), .min = 1, .max = 247,
     .help = "station number"},
    {"table", FIELD_WORD, FIELD_REQUIRED, AT(args_read, table), .words = TABLE_WORDS,
     .help = "where from"},
    {"address", FIELD_UINT, FIELD_REQUIRED, AT(args_read, address), .max = 65535,
     .help = "of the first register or bit, from 0 (40001 is 0)"},
    {"count", FIELD_UINT, 0, AT(args_read, count), .min = 1, .max = 2000, .fallback = 1,
     .help = "values: as many as 125 registers or 2000 bits hold"},
    {"type", FIELD_WORD, 0, AT(args_read, type), .words = VALUE_TYPE_WORDS,
     .help = "what a value is; of bits nothing"},
    {"order", FIELD_WORD, 0, AT(args_read, order), .words = VALUE_ORDER_WORDS,
     .help = "where the bytes of a wide value lie, A being the highest"},
    {"timeout_ms", FIELD_UINT, 0, AT(args_read, timeout_ms), .max = 10000,
     .help = "how long the unit may take; 0: what it is used to"},
};
static const struct field WRITE_FIELDS[] = {
    BUS(args_write),
    {"unit", FIELD_UINT, FIELD_REQUIRED, AT(args_write, unit), .min = 1, .max = 247,
     .help = "station number"},
    {"table", FIELD_WORD, FIELD_REQUIRED, AT(args_write, table), .words = WRITE_TABLE_WORDS,
     .help = "where to"},
    {"address", FIELD_UINT, FIELD_REQUIRED, AT(args_write, address), .max = 65535,
     .help = "of the first register or coil, from 0 (40001 is 0)"},
    {"values", FIELD_NUMBERS, FIELD_REQUIRED, LIST_AT(args_write, values, value_count),
     .min = -METHOD_WHOLE_MAX, .max = METHOD_WHOLE_MAX,
     .help = "what to write, one request; type and order are those of the rule that allows it"},
    {"dry_run", FIELD_BOOL, 0, AT(args_write, is_dry),
     .help = "only say whether it would be allowed"},
};
static const struct field SCAN_FIELDS[] = {
    BUS(args_scan),
    {"from", FIELD_UINT, 0, AT(args_scan, from), .min = 1, .max = 247, .fallback = 1,
     .help = "first unit"},
    {"to", FIELD_UINT, 0, AT(args_scan, to), .min = 1, .max = 247, .fallback = 247,
     .help = "last unit"},
    {"timeout_ms", FIELD_UINT, 0, AT(args_scan, timeout_ms), .min = 20, .max = 5000,
     .fallback = 200, .help = "how long a unit may take to answer"},
    {"identify", FIELD_BOOL, 0, AT(args_scan, must_identify), .fallback = 1,
     .help = "ask who is found for its identification"},
};
static const struct field LINE_TEST_FIELDS[] = {
    BUS(args_line_test),
    {"from", FIELD_UINT, FIELD_REQUIRED, AT(args_line_test, from), .min = 1, .max = 247,
     .help = "first unit to ask"},
    {"to", FIELD_UINT, 0, AT(args_line_test, to), .max = 247,
     .help = "last one, at most 16 of them; 0: only the first"},
    {"count", FIELD_UINT, 0, AT(args_line_test, count), .min = 1, .max = 100, .fallback = 20,
     .help = "how often each is asked"},
};
static const struct field JOB_FIELDS[] = {
    {"cancel", FIELD_BOOL, 0, AT(args_job, must_cancel), .help = "end it"},
};
static const struct field FLIGHT_FIELDS[] = {
    {"minutes", FIELD_UINT, 0, AT(args_flight, minutes), .min = 1, .max = 1440, .fallback = 10,
     .help = "how far back"},
    {"upload", FIELD_BOOL, 0, AT(args_flight, must_upload),
     .help = "send it as messages, however little there is"},
};
static const struct field LOG_LEVEL_FIELDS[] = {
    {"level", FIELD_WORD, FIELD_REQUIRED, AT(args_log_level, level), .words = LOG_LEVEL_WORDS,
     .help = "the least important line that is written"},
    {"for_s", FIELD_UINT, 0, AT(args_log_level, for_s), .min = 1, .max = 86400, .fallback = 600,
     .help = "then it is info again"},
};
static const struct object_kind HELP_ARGS = {KIND(args_help, "help", HELP_FIELDS)};
static const struct object_kind IDENTIFY_ARGS = {KIND(args_identify, "identify", IDENTIFY_FIELDS)};
static const struct object_kind READ_ARGS = {KIND(args_read, "read", READ_FIELDS)};
static const struct object_kind WRITE_ARGS = {KIND(args_write, "write", WRITE_FIELDS)};
static const struct object_kind SCAN_ARGS = {KIND(args_scan, "scan", SCAN_FIELDS)};
static const struct object_kind LINE_TEST_ARGS = {
    KIND(args_line_test, "line_test", LINE_TEST_FIELDS)};
static const struct object_kind JOB_ARGS = {KIND(args_job, "job", JOB_FIELDS)};
static const struct object_kind FLIGHT_ARGS = {KIND(args_flight, "flight_record", FLIGHT_FIELDS)};
static const struct object_kind LOG_LEVEL_ARGS = {
    KIND(args_log_level, "log_level", LOG_LEVEL_FIELDS)};
#define NONE(words)                                                                                \
    {                                                                                              \
        .name = (words), .size = sizeof(struct args_none)                                          \
    }
static const struct object_kind DIAGNOSTICS_ARGS = NONE("diagnostics");
static const struct object_kind SYNC_ARGS = NONE("sync_now");
static const struct object_kind RELOAD_ARGS = NONE("reload");
static const struct object_kind RESTART_ARGS = NONE("restart");

static const char LOOKS[] = "looks only";
static const char ASKS[] = "reads on a bus, within foreign_share_percent of its time";

const struct method METHODS[METHOD_COUNT] = {
    {METHOD_HELP, &HELP_ARGS, 1000, LOOKS, "Lists the methods, or one method's arguments."},
    {METHOD_IDENTIFY, &IDENTIFY_ARGS, 1000, "blinks a light",
     "Blinks gateway.identify_led, so that somebody on site finds the box; without one it logs."},
    {METHOD_READ, &READ_ARGS, 20000, ASKS,
     "Reads registers or bits of a unit with one request, asked twice if no answer comes."},
    {METHOD_WRITE, &WRITE_ARGS, 20000, "writes to a device: only what methods.write allows",
     "Writes registers or coils with one request, once, and reads them back; leaves an event."},
    {METHOD_SCAN, &SCAN_ARGS, 1000, ASKS,
     "Finds the units of a bus beside the polls. Answers 202 at once; `job` tells how it goes."},
    {METHOD_LINE_TEST, &LINE_TEST_ARGS, 1000, ASKS,
     "Judges a line as `busward line-test` does, beside the polls and without the echo. As scan."},
    {METHOD_JOB, &JOB_ARGS, 1000, LOOKS,
     "What became of the last scan or line_test; ends it with cancel."},
    {METHOD_FLIGHT_RECORD, &FLIGHT_ARGS, 10000, LOOKS,
     "The last log lines and frames of all buses: in the answer if it is little, else 202 and as "
     "messages."},
    {METHOD_DIAGNOSTICS, &DIAGNOSTICS_ARGS, 10000, LOOKS,
     "Figures of buses and units, journal, uplink, memory; versions."},
    {METHOD_SYNC_NOW, &SYNC_ARGS, 10000, "sends what waits",
     "Seals and sends the samples so far at once."},
    {METHOD_LOG_LEVEL, &LOG_LEVEL_ARGS, 1000, "writes more or fewer log lines",
     "Changes what is logged, for a time."},
    {METHOD_RELOAD, &RELOAD_ARGS, 10000, "begins anew with the files as they are",
     "Checks the files; starts anew with them if they changed, refuses if they are wrong."},
    {METHOD_RESTART, &RESTART_ARGS, 10000, "begins anew",
     "Starts anew in any case; refuses if the files are wrong, since it would not come back."},
};

const char *method_name(enum method_id id)
{
    return METHODS[id].args->name;
}

enum method_id method_find(struct bytes name)
{
    for (enum method_id id = METHOD_HELP; id < METHOD_COUNT; id++) {
        const char *known = method_name(id);
        if (bytes_equal(name, bytes_of(known, strlen(known)))) {
            return id;
        }
    }
    return METHOD_COUNT;
}

void methods_help(FILE *out)
{
    for (enum method_id id = METHOD_HELP; id < METHOD_COUNT; id++) {
        fprintf(out, "%s%s: %s\n  (%s; within %g s)\n", id == 0 ? "" : "\n", method_name(id),
                METHODS[id].help, METHODS[id].rights, METHODS[id].limit_ms / 1000.0);
        fields_list(METHODS[id].args, out);
    }
}

void methods_markdown(FILE *out)
{
    for (enum method_id id = METHOD_HELP; id < METHOD_COUNT; id++) {
        fprintf(out, "%s### %s\n\n%s It %s. Time limit: %g s.\n", id == 0 ? "" : "\n",
                method_name(id), METHODS[id].help, METHODS[id].rights,
                METHODS[id].limit_ms / 1000.0);
        if (METHODS[id].args->field_count > 0) {
            fputc('\n', out);
            fields_markdown(METHODS[id].args, out);
        }
    }
}
