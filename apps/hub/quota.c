// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/quota.h"

#include "base/assert.h"
#include "base/crc.h"
#include "base/time.h"

#include <stdio.h>
#include <string.h>

#define MS_PER_DAY INT64_C(86400000)

#define CELL_MAGIC 0x31514842u // "BHQ1"

enum { BLOCK_SIZE = 4096, NUMBER_DIGITS_MAX = 15, CELL_SIZE = 24 };

// A bucket holds what `burst` periods bring. Ten for what passes mosquitto: it cannot hold an
// acknowledgement back, where Azure delays first.
static const struct {
    const char *name;
    uint64_t period_us;
    uint64_t burst;
    bool is_metered; // nothing of it passes once the day's messages are used up
} kinds[HUB_QUOTA_KINDS] = {
    [HUB_QUOTA_SENDS] = {"sends_per_s", US_PER_S, 10, true},
    [HUB_QUOTA_CONNECTS] = {"connects_per_s", US_PER_S, 10, false},
    [HUB_QUOTA_TWIN_READS] = {"twin_reads_per_s", US_PER_S, 1, true},
    [HUB_QUOTA_TWIN_UPDATES] = {"twin_updates_per_s", US_PER_S, 1, true},
    [HUB_QUOTA_METHODS] = {"methods_per_s", US_PER_S, 1, true},
    [HUB_QUOTA_C2D] = {"c2d_per_min", 60 * US_PER_S, 1, true},
    [HUB_QUOTA_REGISTRY] = {"registry_per_min", 60 * US_PER_S, 1, false},
    [HUB_QUOTA_QUERIES] = {"queries_per_min", 60 * US_PER_S, 1, true},
};

static const struct {
    const char *name;
    struct hub_quota_limits limits;
} presets[] = {
    {"none", {.messages_per_day = 0}},
    {"f1", {8000, 512, {100, 100, 100, 50, 40, 100, 100, 20}}},
    {"s1", {400000, 4096, {100, 100, 100, 50, 40, 100, 100, 20}}},
};

static bool is_word(struct bytes word, const char *text)
{
    return bytes_equal(word, bytes_of(text, strlen(text)));
}

static bool read_number(struct bytes text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > NUMBER_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = value;
    return value <= max;
}

// NULL, or what would be right.
static const char *take_pair(struct hub_quota_limits *limits, struct bytes key, struct bytes value)
{
    uint64_t number = 0;
    if (is_word(key, "messages_per_day")) {
        return read_number(value, UINT64_C(1) << 48, &limits->messages_per_day)
                   ? NULL
                   : "a number of messages, 0: no limit";
    }
    if (is_word(key, "block_size")) {
        bool is_good = read_number(value, 262144, &number) && number >= 1;
        limits->block_size = (uint32_t)number;
        return is_good ? NULL : "bytes that count as one message, 1 to 262144";
    }
    for (size_t i = 0; i < HUB_QUOTA_KINDS; i++) {
        if (is_word(key, kinds[i].name)) {
            bool is_good = read_number(value, HUB_QUOTA_RATE_MAX, &number);
            limits->rates[i] = (uint32_t)number;
            return is_good ? NULL : "0 (no limit) to 1000000";
        }
    }
    return "unknown: messages_per_day, block_size, sends_per_s, connects_per_s, twin_reads_per_s, "
           "twin_updates_per_s, methods_per_s, c2d_per_min, registry_per_min, queries_per_min";
}

static const char *take_word(struct hub_quota_limits *limits, struct bytes word)
{
    const uint8_t *sign = word.size > 0 ? memchr(word.data, '=', word.size) : NULL;
    if (sign != NULL) {
        size_t size = (size_t)(sign - word.data);
        return take_pair(limits, bytes_of(word.data, size),
                         bytes_of(sign + 1, word.size - size - 1));
    }
    for (size_t i = 0; i < COUNT_OF(presets); i++) {
        if (is_word(word, presets[i].name)) {
            *limits = presets[i].limits;
            return NULL;
        }
    }
    return "none, f1, s1, or name=number, a comma between";
}

enum err hub_quota_parse(const char *text, struct hub_quota_limits *out,
                         char fault[HUB_QUOTA_FAULT_SIZE])
{
    struct hub_quota_limits limits = {0};
    const char *right = "none, f1, s1, or name=number, a comma between";
    const char *at = text;
    do {
        size_t size = strcspn(at, ",");
        right = take_word(&limits, bytes_of(at, size));
        if (right != NULL) {
            int shown = size < 30 ? (int)size : 30;
            snprintf(fault, HUB_QUOTA_FAULT_SIZE, "\"%.*s\": %s", shown, at, right);
            return ERR_ARG;
        }
        at += size + (at[size] == ',' ? 1 : 0);
    } while (*at != '\0');
    *out = limits;
    return OK;
}

void hub_quota_init(struct hub_quota *quota, const struct hub_quota_limits *limits)
{
    *quota = (struct hub_quota){.limits = *limits};
    if (quota->limits.block_size == 0) {
        quota->limits.block_size = BLOCK_SIZE;
    }
}

static int64_t day_of(int64_t utc_ms)
{
    return utc_ms / MS_PER_DAY;
}

// A clock that was set back to another day begins that day's count anew.
static uint64_t used_of(const struct hub_quota_day *day, int64_t utc_ms)
{
    return day->number == day_of(utc_ms) ? day->used : 0;
}

static bool is_used_up(const struct hub_quota *quota, int64_t utc_ms)
{
    uint64_t used = used_of(&quota->own, utc_ms) + used_of(&quota->other, utc_ms);
    return quota->limits.messages_per_day > 0 && used >= quota->limits.messages_per_day;
}

static uint64_t interval_us(const struct hub_quota *quota, enum hub_quota_kind kind)
{
    return kinds[kind].period_us / quota->limits.rates[kind];
}

// How long until a token is there: the bucket would be full at ready_us, empty a burst before.
static uint64_t wait_us(const struct hub_quota *quota, enum hub_quota_kind kind, uint64_t now_us)
{
    uint64_t interval = interval_us(quota, kind);
    uint64_t burst = interval * quota->limits.rates[kind] * kinds[kind].burst;
    uint64_t ready = quota->ready_us[kind] > now_us ? quota->ready_us[kind] - now_us : 0;
    return ready + interval > burst ? ready + interval - burst : 0;
}

enum hub_quota_answer hub_quota_take(struct hub_quota *quota, enum hub_quota_kind kind,
                                     struct hub_quota_time now)
{
    if (kinds[kind].is_metered && is_used_up(quota, now.utc_ms)) {
        quota->refused++;
        return HUB_QUOTA_USED_UP;
    }
    if (quota->limits.rates[kind] == 0) {
        return HUB_QUOTA_PASS;
    }
    if (wait_us(quota, kind, now.now_us) > 0) {
        quota->throttled++;
        return HUB_QUOTA_THROTTLED;
    }
    uint64_t *ready_us = &quota->ready_us[kind];
    *ready_us = (*ready_us > now.now_us ? *ready_us : now.now_us) + interval_us(quota, kind);
    return HUB_QUOTA_PASS;
}

uint64_t hub_quota_wait_s(const struct hub_quota *quota, enum hub_quota_kind kind, uint64_t now_us)
{
    uint64_t us = quota->limits.rates[kind] > 0 ? wait_us(quota, kind, now_us) : 0;
    return us > US_PER_S ? (us + US_PER_S - 1) / US_PER_S : 1;
}

void hub_quota_charge(struct hub_quota *quota, int64_t utc_ms, size_t size)
{
    size_t blocks = (size + quota->limits.block_size - 1) / quota->limits.block_size;
    quota->own = (struct hub_quota_day){
        .number = day_of(utc_ms), .used = used_of(&quota->own, utc_ms) + (blocks > 0 ? blocks : 1)};
}

enum err hub_quota_load(struct hub_quota *quota, const struct cells *cells)
{
    uint8_t bytes[CELL_SIZE];
    size_t size = 0;
    enum err err = cells->ops->read(cells->ctx, HUB_QUOTA_CELL, bytes, sizeof(bytes), &size);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err == ERR_SIZE ? ERR_CORRUPT : err;
    }
    struct reader r = reader_of(bytes_of(bytes, size));
    uint32_t magic = get_u32le(&r);
    uint64_t number = get_u64le(&r);
    uint64_t used = get_u64le(&r);
    uint32_t crc = get_u32le(&r);
    if (!reader_done(&r) || magic != CELL_MAGIC ||
        crc != crc32c(0, bytes_of(bytes, CELL_SIZE - 4))) {
        return ERR_CORRUPT;
    }
    quota->own = (struct hub_quota_day){.number = (int64_t)number, .used = used};
    return OK;
}

enum err hub_quota_save(const struct hub_quota *quota, const struct cells *cells)
{
    uint8_t bytes[CELL_SIZE];
    struct writer w = writer_of(bytes, sizeof(bytes));
    put_u32le(&w, CELL_MAGIC);
    put_u64le(&w, (uint64_t)quota->own.number);
    put_u64le(&w, quota->own.used);
    put_u32le(&w, crc32c(0, writer_bytes(&w)));
    return cells->ops->publish(cells->ctx, HUB_QUOTA_CELL, writer_bytes(&w));
}
