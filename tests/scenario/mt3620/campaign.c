// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/mt3620/campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static void judge(const struct campaign *c, const struct rig *rig, struct bytes sent,
                  struct verdict *out)
{
    const struct rig_frame *frame = &rig->frame;
    double hold = rig_hold_bits(frame);
    if (out->frames < CAMPAIGN_HOLDS_MAX) {
        out->holds[out->frames] = (float)hold;
    }
    out->frames++;
    out->early += frame->fall_u < frame->end_u;
    out->wrong += frame->cut != 0 || (frame->fought != 0 && !c->has_babble) ||
                  frame->size != sent.size || memcmp(frame->bytes, sent.data, sent.size) != 0;
    out->broken += frame->gap_max_u > 5 * frame->bit_u;
    out->hold_min = out->frames == 1 || hold < out->hold_min ? hold : out->hold_min;
    out->hold_max = out->frames == 1 || hold > out->hold_max ? hold : out->hold_max;
    out->hold_sum += hold;
    if (frame->instructions > out->instructions_max) {
        out->instructions_max = frame->instructions;
    }
}

// Characters of somebody who does not care that we drive: they cost our bytes their value, which is
// not ours to answer for, but neither the order nor the release.
static void babble(struct rig *rig, uint32_t bit_u, size_t size)
{
    static const uint8_t noise[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    uint64_t at_u = mt_now_u(rig->mt);
    for (size_t i = 0; i < size / sizeof noise + 1; i++) {
        at_u += rig_random(rig) % (2 * bit_u) + 1;
        at_u = rig_talk(rig, at_u, bit_u, bytes_of(noise, sizeof noise), SERIAL_NONE, 1);
    }
}

static const uint8_t REPLY[4] = {0x11, 0x55, 0x00, 0xFF};

// A quick device: answers half a character after our last stop bit.
static bool reply(struct rig *rig, uint32_t bit_u, size_t size)
{
    if (!rig_run_chars(rig, (unsigned)size, 4000000)) {
        return false;
    }
    (void)rig_talk(rig, rig->frame.end_u + UINT64_C(5) * bit_u, bit_u,
                   bytes_of(REPLY, sizeof REPLY), SERIAL_NONE, 1);
    return true;
}

static bool hear_reply(struct rig *rig, uint32_t bit_u, struct verdict *out)
{
    struct transceiver_event event;
    for (size_t i = 0; i < sizeof REPLY; i++) {
        if (!probe_event(rig, &event) || event.byte != REPLY[i] || event.flags != 0) {
            out->cut_replies++;
            return rig_run_us(rig, 100000);
        }
    }
    return rig_run(rig, mt_now_u(rig->mt) + 2 * bit_u); // its last stop bit
}

static bool run_frame(const struct campaign *c, struct rig *rig, uint32_t bit_u, size_t size,
                      struct verdict *out)
{
    uint8_t frame[256];
    for (size_t i = 0; i < size; i++) {
        frame[i] = (uint8_t)rig_random(rig);
    }
    if (c->has_babble) {
        babble(rig, bit_u, size);
    }
    if (c->has_echoes) {
        static const uint8_t text[200];
        for (int i = 0; i < 3; i++) {
            probe_say(rig, PROBE_ECHO, bytes_of(text, rig_random(rig) % sizeof text));
        }
    }
    probe_say(rig, PROBE_SEND, bytes_of(frame, size));
    if (c->has_reply && !reply(rig, bit_u, size)) {
        return false;
    }
    if (!rig_wait_frame(rig, 4000000)) {
        return false;
    }
    // A character cut in its middle still leaves the shift register.
    if (!rig_run(rig, rig->frame.fall_u + UINT64_C(14) * bit_u)) {
        return false;
    }
    judge(c, rig, bytes_of(frame, size), out);
    struct transceiver_event event;
    do {
        if (!probe_event(rig, &event)) {
            return false;
        }
    } while (event.kind != TRANSCEIVER_SENT);
    return !c->has_reply || hear_reply(rig, bit_u, out);
}

static void run(const struct campaign *c, struct rig *rig, struct verdict *out)
{
    struct transceiver_timing timing;
    if (!probe_open(rig, c->elf, &c->knobs) || probe_setup(rig, &c->line, &timing) != OK) {
        return;
    }
    uint32_t bit_u = (uint32_t)((uint32_t)U_PER_S / timing.baud);
    size_t size = c->first_size == 0 ? 1 : c->first_size;
    for (unsigned i = 0; i < c->frames; i++) {
        if (!run_frame(c, rig, bit_u, size, out)) {
            return;
        }
        size += c->size_step == 0 ? 1 : c->size_step;
        size = size > 256 ? size - 256 : size;
    }
}

void campaign_run(const struct campaign *campaign, struct verdict *out)
{
    static struct rig rig;
    memset(out, 0, sizeof *out);
    run(campaign, &rig, out);
    memcpy(out->failure, rig.failure, sizeof out->failure);
    if (out->failure[0] == '\0' && out->frames != campaign->frames) {
        snprintf(out->failure, sizeof out->failure, "stopped after %u of %u frames", out->frames,
                 campaign->frames);
    }
    if (rig.mt != NULL) {
        out->stack_bytes = rig_stack_bytes(&rig);
    }
    rig_close(&rig);
}

bool verdict_is_good(const struct verdict *verdict)
{
    return verdict->failure[0] == '\0' && verdict->early == 0 && verdict->wrong == 0 &&
           verdict->broken == 0 && verdict->cut_replies == 0;
}

void verdict_print(const struct verdict *v, const char *what)
{
    printf("%-44s %4u frames, hold %.4f %.4f %.4f bits, early %u wrong %u broken %u cut %u %s\n",
           what, v->frames, v->hold_min, v->frames == 0 ? 0 : v->hold_sum / v->frames, v->hold_max,
           v->early, v->wrong, v->broken, v->cut_replies, v->failure);
}

unsigned campaign_frames(uint32_t baud, unsigned frames)
{
    const char *text = getenv("BUSWARD_SEEDS");
    unsigned long times = text == NULL ? 1 : strtoul(text, NULL, 10) / 100;
    unsigned fewer = baud < 9600 ? frames / 8 : frames;
    return (fewer < 3 ? 3 : fewer) * (times < 1 ? 1 : (unsigned)times);
}

struct verdict campaign_expect_good(const struct campaign *campaign)
{
    static struct verdict verdict;
    char what[128];
    campaign_run(campaign, &verdict);
    snprintf(what, sizeof what, "%u %c%u lag %u temt %u thre %u%s wait %u%s%s", campaign->line.baud,
             "NEO"[campaign->line.parity], campaign -> line.stop_bits, campaign->knobs.tx_lag,
             campaign->knobs.temt_lead, campaign->knobs.thre_lead,
             campaign->knobs.thre_at_trigger ? "t" : "", campaign->knobs.bus_wait_cycles,
             campaign->has_echoes ? " echoes" : "", campaign->has_babble ? " babble" : "");
    verdict_print(&verdict, what);
    ASSERT(verdict_is_good(&verdict));
    return verdict;
}
