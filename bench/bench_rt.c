// SPDX-License-Identifier: Apache-2.0
// The real-time core as it is deployed, in the model's virtual time: how much of the wire it uses
// with a full queue (10 units, 40 registers each), how exactly it lets go of the line at each
// speed, and what it takes of memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/scenario/mt3620/app_rig.h"
#include "tests/scenario/mt3620/campaign.h"
#include "json/writer.h"

#define TRANSACTIONS      400
#define UNITS             10
#define REGISTERS         40
#define DEVICE_US         1000 // as the device of the tty bench
#define HOLD_FRAMES       256
#define GOAL_TEXT_KIB     16.0
#define GOAL_RAM_KIB      8.0
#define GOAL_HOLD_BITS    0.2 // at 115200
#define GOAL_INSTRUCTIONS 400.0

// Spurious mailbox interrupts: what nests, nests.
static const struct mt_knobs STORM = {.storm_irq = 11, .storm_u = 17 * MT_U_PER_US, .seed = 1};

static struct app app;

struct line_figures {
    double utilisation;
    uint64_t violations;
    uint32_t stack_bytes;
    double ram_bytes, text_bytes;
};

static void device(struct app *a, const struct rig_frame *frame)
{
    uint8_t reply[3 + 2 * REGISTERS + 2] = {frame->bytes[0], 3, 2 * REGISTERS};
    app_talk(a, frame->end_u + (uint64_t)DEVICE_US * MT_U_PER_US, bytes_of(reply, sizeof reply));
}

static double distance(const char *from, const char *to)
{
    uint32_t a = 0;
    uint32_t b = 0;
    bool known = mt_symbol(app.rig.mt, from, &a) && mt_symbol(app.rig.mt, to, &b);
    ASSERT(known && b >= a);
    return b - a;
}

static bool run_line(uint32_t baud, uint8_t parity, const struct mt_knobs *knobs,
                     struct line_figures *out)
{
    const struct ic_line_setup setup = {
        .baud = baud, .parity = parity, .stop_bits = 1, .guard_bits8 = 12};
    if (!app_open(&app, NULL, knobs, &setup)) {
        fprintf(stderr, "bench-rt: %s\n", app.rig.failure);
        return false;
    }
    app.device = device;
    for (uint32_t i = 0; i < TRANSACTIONS; i++) {
        const uint8_t request[8] = {(uint8_t)(1 + i % UNITS), 3, 0, 0, 0, REGISTERS, 0, 0};
        if (app_send(&app, i, bytes_of(request, sizeof request), 100000) != OK ||
            (i >= 8 && !app_run_done(&app, i - 7, US_PER_S))) {
            fprintf(stderr, "bench-rt: transaction %u is not done: %s\n", i, app.rig.failure);
            return false;
        }
    }
    if (!app_run_done(&app, TRANSACTIONS, 10 * US_PER_S) ||
        app.outcomes[LINE_REPLY] != TRANSACTIONS) {
        fprintf(stderr, "bench-rt: %u of %u replies\n", app.outcomes[LINE_REPLY], TRANSACTIONS);
        return false;
    }
    out->utilisation = judge_utilisation(&app.judge);
    out->violations = app.judge.violations;
    out->stack_bytes = rig_stack_bytes(&app.rig);
    out->text_bytes = distance("vector_table", "text_end");
    out->ram_bytes = distance("text_end", "ram_stack_start") + out->stack_bytes;
    app_close(&app);
    return true;
}

static bool run_holds(uint32_t baud, struct verdict *out)
{
    const struct campaign campaign = {
        .elf = "rt-probe", .frames = HOLD_FRAMES, .line = {.baud = baud, .stop_bits = 1}};
    campaign_run(&campaign, out);
    if (!verdict_is_good(out)) {
        verdict_print(out, "bench-rt: a frame failed");
    }
    return verdict_is_good(out);
}

static void put_row(struct json_writer *w, const char *name, double value, const char *unit,
                    bool higher, double reference)
{
    json_begin_object(w);
    json_put_key_string(w, "name", name);
    json_put_key_double(w, "value", value);
    json_put_key_string(w, "unit", unit);
    json_put_key_string(w, "better", higher ? "higher" : "lower");
    json_put_key_double(w, "reference", reference);
    json_put_key_double(w, "ratio", value / reference);
    json_end_object(w);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

// The distribution at one speed; the reference of a speed is the goal at 115200, as a time.
static bool put_holds(struct json_writer *w, uint32_t baud, uint32_t *instructions)
{
    static struct verdict verdict;
    if (!run_holds(baud, &verdict)) {
        return false;
    }
    double goal = GOAL_HOLD_BITS * baud / 115200.0;
    qsort(verdict.holds, HOLD_FRAMES, sizeof verdict.holds[0], by_value);
    static const struct {
        const char *name;
        unsigned at;
    } points[] = {{"min", 0},
                  {"p50", HOLD_FRAMES / 2},
                  {"p99", HOLD_FRAMES * 99 / 100},
                  {"max", HOLD_FRAMES - 1}};
    for (size_t i = 0; i < COUNT_OF(points); i++) {
        char name[64];
        bool is_main = baud == 115200 && i == COUNT_OF(points) - 1;
        snprintf(name, sizeof name, is_main ? "rt.de_hold_bits.max" : "rt.de_hold_bits.%u.%s", baud,
                 points[i].name);
        put_row(w, name, (double)verdict.holds[points[i].at], "bits", false, goal);
    }
    *instructions =
        verdict.instructions_max > *instructions ? verdict.instructions_max : *instructions;
    return true;
}

static bool put_lines(struct json_writer *w)
{
    struct line_figures slow;
    struct line_figures fast;
    struct line_figures stormy;
    if (!run_line(19200, 1, NULL, &slow) || !run_line(115200, 0, NULL, &fast) ||
        !run_line(115200, 0, &STORM, &stormy)) {
        return false;
    }
    uint64_t violations = slow.violations + fast.violations + stormy.violations;
    put_row(w, "bus.rt.19200.utilisation", slow.utilisation, "of limit", true, 1.0);
    put_row(w, "bus.rt.115200.utilisation", fast.utilisation, "of limit", true, 1.0);
    put_row(w, "bus.rt.violations", (double)violations, "transactions", false, 1.0);
    uint32_t stack = stormy.stack_bytes;
    stack = slow.stack_bytes > stack ? slow.stack_bytes : stack;
    put_row(w, "rt.text_kib", fast.text_bytes / 1024, "KiB", false, GOAL_TEXT_KIB);
    put_row(w, "rt.ram_kib", (fast.ram_bytes - fast.stack_bytes + stack) / 1024, "KiB", false,
            GOAL_RAM_KIB);
    put_row(w, "rt.stack_bytes", stack, "bytes", false, 4096.0);
    if (violations > 0) {
        fprintf(stderr, "bench-rt: %llu transactions broke a silence\n",
                (unsigned long long)violations);
    }
    return violations == 0;
}

// The rows of all that ran; false: something did not, or broke a rule.
static bool measure(struct json_writer *w)
{
    static const uint32_t speeds[] = {1200, 9600, 19200, 38400, 57600, 115200, 230400, 921600};
    json_begin_array(w);
    bool is_good = put_lines(w);
    uint32_t instructions = 0;
    for (size_t i = 0; i < COUNT_OF(speeds); i++) {
        is_good = put_holds(w, speeds[i], &instructions) && is_good;
    }
    if (instructions > 0) {
        put_row(w, "rt.irq_to_de_instructions", instructions, "instructions", false,
                GOAL_INSTRUCTIONS);
    }
    json_end_array(w);
    return is_good;
}

static int say_brief(void)
{
    struct line_figures fast;
    if (!run_line(115200, 0, &STORM, &fast)) {
        return 1;
    }
    printf("busward-rt: text %.1f KiB, RAM %.1f KiB of which %u bytes worst stack over %d "
           "transactions in a storm of interrupts in the model\n",
           fast.text_bytes / 1024, fast.ram_bytes / 1024, fast.stack_bytes, TRANSACTIONS);
    return 0;
}

int main(int argc, char **argv)
{
    static char text[16384];
    if (argc == 2 && strcmp(argv[1], "--brief") == 0) {
        return say_brief();
    }
    if (argc != 3 || strcmp(argv[1], "--out") != 0) {
        fprintf(stderr, "usage: bench-rt --brief | --out FILE\n");
        return 2;
    }
    struct json_writer w;
    json_writer_init(&w, text, sizeof text);
    bool is_good = measure(&w);
    struct bytes json = json_writer_bytes(&w);
    FILE *file = fopen(argv[2], "w");
    if (file == NULL || fwrite(json.data, 1, json.size, file) != json.size || fclose(file) != 0) {
        perror(argv[2]);
        return 1;
    }
    return is_good ? 0 : 1;
}
