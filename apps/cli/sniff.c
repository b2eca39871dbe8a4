// SPDX-License-Identifier: Apache-2.0
// busward sniff: every frame on a line, in words, without a word of its own.
#include "apps/cli/commands.h"

#include "apps/cli/asker.h"
#include "apps/cli/sniff_words.h"
#include "base/assert.h"
#include "port/api/clock.h"

#include <signal.h>
#include <stdio.h>

#define LOOK_US (100 * US_PER_MS) // for a signal that came

struct sniff_options {
    struct line_options line;
    uint64_t count, seconds;
    bool hex;
};

#define AT(member) offsetof(struct sniff_options, member)
static const struct option SNIFF_OPTIONS[] = {
    PORT_OPTIONS,
    {"count", OPTION_UINT, AT(count), 0, 1e15, "0", "frames to print; 0: until it is stopped"},
    {"seconds", OPTION_UINT, AT(seconds), 0, 1e9, "0", "how long; 0: until it is stopped"},
    {"hex", OPTION_FLAG, AT(hex), 0, 0, NULL, "the bytes of each frame as well"},
};

static const struct option_table SNIFF_TABLE = {
    .program = "busward sniff",
    .purpose = "Prints every frame on a line and never drives it.",
    .options = SNIFF_OPTIONS,
    .count = COUNT_OF(SNIFF_OPTIONS),
};

struct sniffer {
    struct sniff_options options;
    struct bus *bus;
    struct sniff sniff;
    uint64_t begin_us, char_ns;
    uint64_t end_us; // of the last frame; 0: none yet
    uint64_t frames, broken;
    bool is_lost;
};

static volatile sig_atomic_t is_stopped; // the one thing that a signal can reach

static void stop(int number)
{
    (void)number;
    is_stopped = 1;
}

static void print_hex(struct bytes frame)
{
    printf(" ");
    for (size_t i = 0; i < frame.size; i++) {
        printf(" %02x", frame.data[i]);
    }
}

// end_us: of its last byte. is_coarse: as it was read.
static void print_frame(struct sniffer *sniffer, uint64_t end_us, bool is_coarse,
                        struct bytes frame)
{
    static const char *const KINDS[] = {"", "request", "reply", "refusal", "unknown"};
    const uint64_t length_us = frame.size * sniffer->char_ns / 1000;
    const uint64_t first_us = end_us > length_us ? end_us - length_us : 0;
    const double at_s = ((double)first_us - (double)sniffer->begin_us) / (double)US_PER_S;
    const char *mark = is_coarse ? "~" : "";
    struct sniff_text text;
    char silence[24] = "-";
    sniff_words(&sniffer->sniff, frame, &text);
    if (sniffer->end_us != 0 && first_us > sniffer->end_us) {
        snprintf(silence, sizeof silence, "%s%.3f", mark,
                 (double)(first_us - sniffer->end_us) / (double)US_PER_MS);
    }
    printf("%s%.6f s  silence %s ms  ", mark, at_s, silence);
    if (text.kind == SNIFF_BROKEN) {
        printf("CRC wrong  %s", text.words);
    } else {
        printf("CRC ok  unit %u  %s  %s", text.unit, KINDS[text.kind], text.words);
    }
    if (sniffer->options.hex || text.kind == SNIFF_BROKEN || text.kind == SNIFF_UNKNOWN) {
        print_hex(frame);
    }
    putchar('\n');
    fflush(stdout);
    sniffer->frames++;
    sniffer->broken += text.kind == SNIFF_BROKEN;
    sniffer->end_us = end_us;
}

static bool is_over(const struct sniffer *sniffer)
{
    const struct sniff_options *options = &sniffer->options;
    return is_stopped != 0 || (options->count != 0 && sniffer->frames >= options->count) ||
           (options->seconds != 0 &&
            port_now_us() >= sniffer->begin_us + options->seconds * US_PER_S);
}

static void take_heard(struct sniffer *sniffer, const struct bus_event *event)
{
    struct bytes left = bytes_of(event->done.reply, event->done.reply_size);
    while (left.size > 0 && !is_over(sniffer)) {
        const size_t size = sniff_first(left);
        const struct bytes frame = bytes_of(left.data, size);
        left = bytes_of(left.data + size, left.size - size);
        // What follows in the same burst came after it.
        print_frame(sniffer, event->at_us - left.size * sniffer->char_ns / 1000, event->done.coarse,
                    frame);
    }
}

static void sniff_all(struct sniffer *sniffer)
{
    struct bus_event event;
    while (!is_over(sniffer) && !sniffer->is_lost) {
        if (!cli_next_event(sniffer->bus, port_now_us() + LOOK_US, &event)) {
            continue;
        }
        if (event.kind == BUS_HEARD) {
            take_heard(sniffer, &event);
        }
        sniffer->is_lost = event.kind == BUS_DOWN;
    }
}

static void print_sum(const struct sniffer *sniffer)
{
    struct bus_figures figures;
    bus_figures(sniffer->bus, &figures);
    const struct line_stats *line = &figures.line;
    printf("%llu frames, %llu with a wrong CRC; not shown: %llu broken characters, %llu pauses in "
           "frames, %llu too long, %u lost\n",
           (unsigned long long)sniffer->frames, (unsigned long long)sniffer->broken,
           (unsigned long long)line->char_errors, (unsigned long long)line->t1_5_broken,
           (unsigned long long)line->too_long, figures.heard_dropped);
}

int command_sniff(int argc, char **argv)
{
    static struct sniffer sniffer;
    const struct line_wiring wiring = {.is_sniffed = true};
    const struct sigaction action = {.sa_handler = stop};
    struct serial_cfg serial = {.stop_bits = 1};
    switch (options_parse(&SNIFF_TABLE, argc, argv, &sniffer.options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    if (!cli_is_wire(&sniffer.options.line)) {
        fprintf(stderr,
                "%s: --port: rt: or tty: can be listened to, a connection over TCP cannot\n",
                SNIFF_TABLE.program);
        return 2;
    }
    sniffer.begin_us = port_now_us();
    if (!cli_open_bus(SNIFF_TABLE.program, &sniffer.options.line, &wiring, &sniffer.bus)) {
        return 1;
    }
    const enum err err = serial_format(sniffer.options.line.format, &serial);
    ASSERT(err == OK); // or it had not been opened
    sniffer.char_ns = (uint64_t)serial_char_bits(&serial) * 1000000000U / sniffer.options.line.baud;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    sniff_all(&sniffer);
    print_sum(&sniffer);
    bus_close(sniffer.bus);
    if (sniffer.is_lost) {
        fprintf(stderr, "%s: %s: the port went away\n", SNIFF_TABLE.program,
                sniffer.options.line.port);
    }
    return sniffer.is_lost ? 1 : 0;
}
