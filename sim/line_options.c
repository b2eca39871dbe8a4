// SPDX-License-Identifier: Apache-2.0
#include "sim/line_options.h"

#include <math.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/assert.h"
#include "port/api/serial.h"
#include "port/linux/log.h"

#define FIELD(name) .offset = offsetof(struct line_options, name)
static const struct option OPTIONS[] = {
    {.name = "baud",
     .type = OPTION_UINT,
     FIELD(baud),
     .min = 300,
     .max = 4e6,
     .fallback = "19200",
     .help = "speed of the wire, bits per second"},
    {.name = "format",
     .type = OPTION_TEXT,
     FIELD(format),
     .fallback = "8E1",
     .help = "8N1, 8E1, 8O1 or 8N2"},
    {.name = "device",
     .type = OPTION_LIST,
     FIELD(device),
     .max = PACED_ENDS_MAX - 1,
     .help = "path of the link to a device's PTY"},
    {.name = "log", .type = OPTION_TEXT, FIELD(log), .help = "file for one JSON line per reply"},
    {.name = "report",
     .type = OPTION_TEXT,
     FIELD(report),
     .help = "file for the judge's report, at the end and on a signal"},
    {.name = "silence-in-chars",
     .type = OPTION_FLAG,
     FIELD(silence_in_chars),
     .help = "t3.5 is 3.5 characters above 19200 baud too"},
    {.name = "t3-5-us",
     .type = OPTION_UINT,
     FIELD(t3_5_us),
     .min = 1,
     .max = 1e6,
     .help = "t3.5 to judge by, instead of the standard's"},
    {.name = "by-byte",
     .type = OPTION_FLAG,
     FIELD(by_byte),
     .help = "deliver byte by byte instead of whole frames"},
    {.name = "responder",
     .type = OPTION_UINT,
     FIELD(responder),
     .max = 247,
     .help = "answer reads of units 1 to N in here"},
    {.name = "responder-delay-us",
     .type = OPTION_UINT,
     FIELD(responder_delay_us),
     .max = 1e7,
     .fallback = "1000",
     .help = "its time from the silence after a request to the reply"},
    {.name = "responder-changing",
     .type = OPTION_UINT,
     FIELD(responder_changing),
     .max = 125,
     .help = "of each of its reads the first N registers change"},
    {.name = "drop-ppm", .type = OPTION_UINT, FIELD(drop_ppm), .max = 1e6, .help = "lost bytes"},
    {.name = "flip-ppm",
     .type = OPTION_UINT,
     FIELD(flip_ppm),
     .max = 1e6,
     .help = "bytes with a wrong bit"},
    {.name = "late-ppm",
     .type = OPTION_UINT,
     FIELD(late_ppm),
     .max = 1e6,
     .help = "replies that come late"},
    {.name = "late-ms",
     .type = OPTION_UINT,
     FIELD(late_ms),
     .max = 6e4,
     .fallback = "500",
     .help = "how late"},
    {.name = "priority",
     .type = OPTION_UINT,
     FIELD(priority),
     .max = 99,
     .help = "SCHED_FIFO priority if allowed, so that the line itself is never late"},
    {.name = "seed", .type = OPTION_UINT, FIELD(seed), .fallback = "1", .help = "of the noise"},
    {.name = "seconds",
     .type = OPTION_UINT,
     FIELD(seconds),
     .max = 1e6,
     .help = "end after so long; 0: never"},
};

size_t line_options_table(const struct option *own, size_t own_count,
                          struct option out[LINE_OPTIONS_MAX])
{
    ASSERT(COUNT_OF(OPTIONS) + own_count <= LINE_OPTIONS_MAX);
    memcpy(out, OPTIONS, sizeof OPTIONS);
    memcpy(out + COUNT_OF(OPTIONS), own, own_count * sizeof *own);
    return COUNT_OF(OPTIONS) + own_count;
}

bool line_options_cfg(const struct line_options *options, struct paced_cfg *cfg)
{
    struct serial_cfg serial = {.baud = (uint32_t)options->baud};
    if (serial_format(options->format, &serial) != OK) {
        log_error("line", "format", "value=%s allowed=8N1,8E1,8O1,8N2",
                  log_quote(options->format).text);
        return false;
    }
    double char_us = 1e6 * serial_char_bits(&serial) / (double)options->baud;
    bool in_chars = options->baud <= 19200 || options->silence_in_chars;
    *cfg = (struct paced_cfg){
        .line = {.baud = (uint32_t)options->baud,
                 .char_bits = serial_char_bits(&serial),
                 .by_byte = options->by_byte,
                 .drop_ppm = (uint32_t)options->drop_ppm,
                 .flip_ppm = (uint32_t)options->flip_ppm,
                 .seed = options->seed},
        .t3_5_us = in_chars ? (uint32_t)ceil(3.5 * char_us) : 1750,
        .devices = options->device.item,
        .device_count = options->device.count,
        .responder_units = (unsigned)options->responder,
        .responder_changing = (unsigned)options->responder_changing,
        .responder_delay_us = options->responder_delay_us,
        .late_ppm = (uint32_t)options->late_ppm,
        .late_us = options->late_ms * US_PER_MS,
        .log = options->log,
    };
    if (options->t3_5_us != 0) {
        cfg->t3_5_us = (uint32_t)options->t3_5_us;
    }
    return true;
}

void line_options_schedule(const struct line_options *options)
{
    struct sched_param param = {.sched_priority = (int)options->priority};
    if (options->priority != 0 && sched_setscheduler(0, SCHED_FIFO, &param) != 0) {
        log_warn("line", "priority_refused", "");
    }
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}
