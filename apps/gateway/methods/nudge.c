// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/nudge.h"

#include "azure/property_bag.h"
#include "json/reader.h"

#include <string.h>

enum { SCRATCH_SIZE = 256, DIGITS_MAX = 4 };

void nudge_init(struct nudge *nudge)
{
    *nudge = (struct nudge){.until_us = TIME_NEVER};
}

struct words {
    char nudge[NUDGE_WORD_SIZE];
    uint64_t for_s;
};

// Other keys are passed over: a newer cloud may say more than is known here.
static void read_body(struct bytes body, struct words *out)
{
    struct json_reader reader;
    struct json_text key;
    json_reader_init(&reader, body, NULL);
    if (json_peek(&reader) != JSON_OBJECT || !json_enter_object(&reader)) {
        return;
    }
    while (json_next_key(&reader, &key)) {
        if (json_text_is(&key, "nudge")) {
            (void)json_get_string(&reader, out->nudge, sizeof(out->nudge), NULL);
        } else if (json_text_is(&key, "for_s")) {
            (void)json_get_u64(&reader, 0, NUDGE_WATCH_S_MAX, &out->for_s);
        } else {
            (void)json_skip(&reader);
        }
    }
    if (!json_end(&reader)) {
        out->nudge[0] = '\0'; // cut off: what came before may be half of something else
    }
}

static void read_bag(struct bytes bag, struct words *out)
{
    uint8_t scratch[SCRATCH_SIZE];
    struct az_property property;
    if (az_bag_find(bag, "nudge", scratch, sizeof(scratch), &property) == OK &&
        property.value.size < sizeof(out->nudge) && property.value.size > 0 &&
        memchr(property.value.data, 0, property.value.size) == NULL) {
        memcpy(out->nudge, property.value.data, property.value.size);
        out->nudge[property.value.size] = '\0';
    }
    if (az_bag_find(bag, "for_s", scratch, sizeof(scratch), &property) != OK ||
        property.value.size == 0 || property.value.size > DIGITS_MAX) {
        return;
    }
    uint64_t seconds = 0;
    for (size_t i = 0; i < property.value.size; i++) {
        uint8_t c = property.value.data[i];
        if (c < '0' || c > '9') {
            return;
        }
        seconds = seconds * 10 + (uint64_t)(c - '0');
    }
    out->for_s = seconds < NUDGE_WATCH_S_MAX ? seconds : NUDGE_WATCH_S_MAX;
}

static void watch(struct nudge *nudge, uint64_t now_us, uint64_t for_s)
{
    uint64_t until_us = time_after(now_us, for_s * US_PER_S);
    nudge->watched++;
    if (for_s == 0) {
        nudge->is_watched = false;
        return;
    }
    // Two who watch: the longer one decides.
    bool is_longer = !nudge->is_watched || until_us > nudge->until_us;
    nudge->until_us = is_longer ? until_us : nudge->until_us;
    nudge->is_watched = true;
}

void nudge_message(struct nudge *nudge, uint64_t now_us, struct bytes bag, struct bytes body)
{
    struct words words = {.for_s = NUDGE_WATCH_S_DEFAULT};
    read_bag(bag, &words);
    read_body(body, &words);
    if (strcmp(words.nudge, "watch") == 0) {
        watch(nudge, now_us, words.for_s);
    } else if (strcmp(words.nudge, "sync") == 0) {
        nudge->syncs++;
        nudge->must_sync = true;
    } else if (strcmp(words.nudge, "twin") == 0) {
        nudge->twins++;
        nudge->must_twin = true;
    } else {
        nudge->unknown++;
        nudge->must_tell = true;
        memcpy(nudge->word, words.nudge, sizeof(nudge->word));
    }
}

uint64_t nudge_deadline_us(const struct nudge *nudge)
{
    return nudge->is_watched ? nudge->until_us : TIME_NEVER;
}

void nudge_tick(struct nudge *nudge, uint64_t now_us)
{
    if (nudge->is_watched && now_us >= nudge->until_us) {
        nudge->is_watched = false;
    }
}

bool nudge_next(struct nudge *nudge, struct nudge_out *out)
{
    if (nudge->is_told != nudge->is_watched) {
        nudge->is_told = nudge->is_watched;
        *out = (struct nudge_out){.kind = NUDGE_OUT_WATCH, .is_watched = nudge->is_watched};
        return true;
    }
    bool *const flags[] = {&nudge->must_sync, &nudge->must_twin, &nudge->must_tell};
    static const enum nudge_out_kind KINDS[] = {NUDGE_OUT_SYNC, NUDGE_OUT_TWIN, NUDGE_OUT_UNKNOWN};
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (*flags[i]) {
            *flags[i] = false;
            *out = (struct nudge_out){.kind = KINDS[i], .word = nudge->word};
            return true;
        }
    }
    return false;
}
