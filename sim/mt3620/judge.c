// SPDX-License-Identifier: Apache-2.0
#include "sim/mt3620/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void mt_judge_init(struct mt_judge *judge, uint64_t t3_5_u)
{
    memset(judge, 0, sizeof *judge);
    judge->t3_5_u = t3_5_u;
    judge->hold_bits_min = (double)INFINITY;
    judge->hold_bits_max = -(double)INFINITY;
    judge->hold_u_min = INT64_MAX;
    judge->hold_u_max = INT64_MIN;
}

static void keep_hold(struct mt_judge *judge, const struct mt_frame *frame)
{
    double bits = (double)frame->hold_u / frame->bit_u;
    judge->holds[judge->holds_seen++ % MT_JUDGE_HOLDS] = (float)bits;
    judge->hold_count += judge->hold_count < MT_JUDGE_HOLDS;
    judge->hold_bits_min = fmin(judge->hold_bits_min, bits);
    judge->hold_bits_max = fmax(judge->hold_bits_max, bits);
    judge->hold_u_min = frame->hold_u < judge->hold_u_min ? frame->hold_u : judge->hold_u_min;
    judge->hold_u_max = frame->hold_u > judge->hold_u_max ? frame->hold_u : judge->hold_u_max;
}

static bool close_frame(struct mt_judge *judge, struct mt_frame *out)
{
    struct mt_frame *frame = &judge->frame;
    if (frame->chars == 0) {
        judge->empty++;
        return false;
    }
    if (frame->cut) {
        judge->cut++;
        return false;
    }
    frame->hold_u = (int64_t)(frame->release_u - frame->end_u);
    judge->early += frame->hold_u < 0;
    judge->damaged += frame->damaged;
    if (frame->instructions > judge->instructions_max) {
        judge->instructions_max = frame->instructions;
    }
    judge->minimal_u += frame->end_u - frame->start_u + judge->t3_5_u;
    judge->closed_u = frame->end_u;
    keep_hold(judge, frame);
    judge->frames++;
    *out = *frame;
    return true;
}

static bool take_pin(struct mt_judge *judge, const struct mt_event *event, struct mt_frame *out)
{
    if (event->pin != MT_PIN_DE) {
        return false;
    }
    if (event->level) {
        // What was still to come was thrown away by the core.
        bool closed = judge->expected != 0 && close_frame(judge, out);
        judge->expected = 0;
        judge->driving = true;
        judge->frame = (struct mt_frame){.drive_u = event->at_u, .gap_u = MT_NEVER};
        return closed;
    }
    judge->driving = false;
    judge->frame.release_u = event->at_u;
    judge->frame.instructions = event->instructions;
    judge->expected = event->busy;
    return judge->expected == 0 && close_frame(judge, out);
}

static void begin(struct mt_judge *judge, const struct mt_event *event)
{
    struct mt_frame *frame = &judge->frame;
    frame->start_u = event->start_u;
    frame->bit_u = event->bit_u;
    frame->setup_u = event->start_u > frame->drive_u ? event->start_u - frame->drive_u : 0;
    judge->undriven += event->start_u < frame->drive_u;
    if (judge->last_u == 0) {
        judge->first_u = event->start_u;
        return;
    }
    frame->gap_u = event->start_u > judge->last_u ? event->start_u - judge->last_u : 0;
    judge->silence += frame->gap_u < judge->t3_5_u;
}

static bool take_char(struct mt_judge *judge, const struct mt_event *event, struct mt_frame *out)
{
    if (event->uart != 0) {
        return false;
    }
    if (!judge->driving && judge->expected == 0) {
        judge->undriven++; // nobody heard it
        judge->chars++;
        return false;
    }
    struct mt_frame *frame = &judge->frame;
    if (frame->chars++ == 0) {
        begin(judge, event);
    }
    judge->chars++;
    frame->end_u = event->at_u;
    frame->damaged = frame->damaged || event->damaged;
    judge->last_u = event->at_u > judge->last_u ? event->at_u : judge->last_u;
    if (judge->driving) {
        return false;
    }
    judge->expected--;
    return judge->expected == 0 && close_frame(judge, out);
}

bool mt_judge_event(struct mt_judge *judge, const struct mt_event *event, struct mt_frame *out)
{
    if (event->kind == MT_PIN) {
        return take_pin(judge, event, out);
    }
    return event->kind == MT_CHAR && take_char(judge, event, out);
}

void mt_judge_reset(struct mt_judge *judge)
{
    judge->frame.cut = judge->driving || judge->expected != 0;
}

void mt_judge_heard(struct mt_judge *judge, uint64_t start_u, uint64_t end_u)
{
    (void)start_u;
    if (judge->frames != 0 && end_u > judge->closed_u) {
        // The other node's own time lies between.
        judge->minimal_u += end_u - judge->closed_u;
        judge->closed_u = end_u;
    }
    judge->last_u = end_u > judge->last_u ? end_u : judge->last_u;
}

double mt_judge_utilisation(const struct mt_judge *judge)
{
    uint64_t elapsed_u = judge->last_u - judge->first_u + judge->t3_5_u;
    return judge->frames == 0 ? 0 : (double)judge->minimal_u / (double)elapsed_u;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

double mt_judge_hold_bits(const struct mt_judge *judge, double share)
{
    uint32_t count = judge->hold_count;
    float *sorted = count == 0 ? NULL : malloc(count * sizeof *sorted);
    if (sorted == NULL) {
        return 0;
    }
    memcpy(sorted, judge->holds, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    uint32_t place = (uint32_t)(share * count);
    double bits = (double)sorted[place < count ? place : count - 1];
    free(sorted);
    return bits;
}

void mt_judge_report(const struct mt_judge *judge, FILE *out)
{
    bool any = judge->frames != 0;
    fprintf(out,
            "\"de\":{\"frames\":%llu,\"early\":%llu,\"undriven\":%llu,\"damaged\":%llu,"
            "\"silence\":%llu,\"cut\":%llu,\"utilisation\":%.6f,",
            (unsigned long long)judge->frames, (unsigned long long)judge->early,
            (unsigned long long)judge->undriven, (unsigned long long)judge->damaged,
            (unsigned long long)judge->silence, (unsigned long long)judge->cut,
            mt_judge_utilisation(judge));
    fprintf(out,
            "\"hold_bits\":{\"min\":%.4f,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f},"
            "\"hold_ns\":{\"min\":%.0f,\"max\":%.0f},\"instructions_max\":%u}",
            any ? judge->hold_bits_min : 0, mt_judge_hold_bits(judge, 0.5),
            mt_judge_hold_bits(judge, 0.99), any ? judge->hold_bits_max : 0,
            any ? (double)judge->hold_u_min * 250 / 247 : 0,
            any ? (double)judge->hold_u_max * 250 / 247 : 0, judge->instructions_max);
}
