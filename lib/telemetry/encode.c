// SPDX-License-Identifier: Apache-2.0
#include "telemetry/encode.h"

#include "base/assert.h"
#include "base/time.h"
#include "telemetry/pack.h"
#include "telemetry/words.h"

#include <string.h>

const struct tm_sample *tm_run_next(const struct tm_pack *pack, const struct tm_run *run,
                                    size_t *at)
{
    while (*at < run->end) {
        uint16_t place = pack->order[(*at)++];
        if (place < pack->limit) {
            return &pack->samples[place];
        }
    }
    return NULL;
}

int64_t tm_sample_ms(const struct tm_point *point, const struct tm_sample *sample)
{
    uint64_t resolution_us = (point->resolution_ms > 0 ? point->resolution_ms : 1) * US_PER_MS;
    return (int64_t)(sample->at_us / resolution_us * resolution_us / US_PER_MS);
}

// The next point that has samples taking part, from order[*at] on.
static bool next_run(const struct tm_pack *pack, size_t *at, struct tm_run *out)
{
    while (*at < pack->count) {
        uint32_t id = pack->samples[pack->order[*at]].point;
        struct tm_run run = {.start = *at};
        while (*at < pack->count && pack->samples[pack->order[*at]].point == id) {
            run.row_count += pack->order[*at] < pack->limit ? 1 : 0;
            (*at)++;
        }
        run.end = *at;
        if (run.row_count > 0) {
            bool found = tm_catalogue_index(pack->catalogue, id, &run.index) == OK;
            ASSERT(found);
            run.point = &pack->catalogue->points[run.index];
            *out = run;
            return true;
        }
    }
    return false;
}

// Earliest time, finest unit, and the most frequent step if one has the majority.
static void find_times(struct tm_pack *pack)
{
    struct tm_run run;
    int64_t base_ms = INT64_MAX;
    uint32_t unit_ms = UINT32_MAX;
    for (size_t at = 0; next_run(pack, &at, &run);) {
        const struct tm_sample *sample = NULL;
        for (size_t i = run.start; (sample = tm_run_next(pack, &run, &i)) != NULL;) {
            int64_t ms = tm_sample_ms(run.point, sample);
            base_ms = ms < base_ms ? ms : base_ms;
        }
        uint32_t resolution_ms = run.point->resolution_ms > 0 ? run.point->resolution_ms : 1;
        unit_ms = resolution_ms < unit_ms ? resolution_ms : unit_ms;
    }
    pack->unit_ms = unit_ms;
    pack->base_ms = base_ms / unit_ms * unit_ms;
    int64_t candidate = 0;
    size_t votes = 0;
    for (size_t at = 0; next_run(pack, &at, &run);) {
        size_t i = run.start;
        const struct tm_sample *sample = tm_run_next(pack, &run, &i);
        int64_t last_ms = tm_sample_ms(run.point, sample);
        while ((sample = tm_run_next(pack, &run, &i)) != NULL) {
            int64_t ms = tm_sample_ms(run.point, sample);
            int64_t step = (ms - last_ms) / pack->unit_ms;
            last_ms = ms;
            candidate = votes == 0 ? step : candidate;
            votes = step == candidate ? votes + 1 : votes - 1;
        }
    }
    pack->interval = candidate > 0 ? candidate : 0;
}

static bool same_times(const struct tm_pack *pack, const struct tm_run *a, const struct tm_run *b)
{
    if (a->row_count != b->row_count) {
        return false;
    }
    size_t at_a = a->start;
    size_t at_b = b->start;
    const struct tm_sample *sample = NULL;
    while ((sample = tm_run_next(pack, a, &at_a)) != NULL) {
        if (tm_sample_ms(a->point, sample) != tm_sample_ms(b->point, tm_run_next(pack, b, &at_b))) {
            return false;
        }
    }
    return true;
}

static void put_times(const struct tm_pack *pack, const struct tm_run *run, struct json_writer *w)
{
    size_t at = run->start;
    const struct tm_sample *sample = tm_run_next(pack, run, &at);
    int64_t last_ms = tm_sample_ms(run->point, sample);
    int64_t first = (last_ms - pack->base_ms) / pack->unit_ms;
    if (run->row_count == 1) {
        json_put_i64(w, first);
        return;
    }
    json_begin_array(w);
    json_put_i64(w, first);
    while ((sample = tm_run_next(pack, run, &at)) != NULL) {
        int64_t ms = tm_sample_ms(run->point, sample);
        json_put_i64(w, (ms - last_ms) / pack->unit_ms - pack->interval);
        last_ms = ms;
    }
    json_end_array(w);
}

// Points from `first` on, up to order[end): their indices as a range or a list.
static void put_indices(const struct tm_pack *pack, const struct tm_run *first, size_t end,
                        struct json_writer *w)
{
    struct tm_run run = *first;
    bool range = true;
    uint32_t expected = first->index;
    for (size_t at = first->start; at < end && next_run(pack, &at, &run);) {
        range = range && run.index == expected++;
    }
    if (range) {
        json_put_u64(w, first->index);
        return;
    }
    json_begin_array(w);
    for (size_t at = first->start; at < end && next_run(pack, &at, &run);) {
        json_put_u64(w, run.index);
    }
    json_end_array(w);
}

// One group: as many neighbouring points as share all times. Returns where the next one begins.
static size_t put_group(const struct tm_pack *pack, size_t start, struct json_writer *w)
{
    struct tm_run first;
    struct tm_run run;
    size_t at = start;
    if (!next_run(pack, &at, &first)) {
        return at;
    }
    size_t end = at;
    while (next_run(pack, &at, &run) && same_times(pack, &first, &run)) {
        end = at;
    }
    json_begin_array(w);
    put_indices(pack, &first, end, w);
    put_times(pack, &first, w);
    for (at = first.start; at < end && next_run(pack, &at, &run);) {
        tm_put_column(pack, &run, w);
    }
    json_end_array(w);
    return end;
}

static bool put_message(struct tm_pack *pack, size_t limit, struct json_writer *w)
{
    pack->limit = limit;
    find_times(pack);
    tm_put_head(w, 's', pack->catalogue->hash, pack->axis.boot_id);
    json_put_key_i64(w, "t", pack->base_ms);
    json_put_key_i64(w, "u", pack->unit_ms);
    if (pack->interval != 0) {
        json_put_key_i64(w, "i", pack->interval);
    }
    json_put_key(w, "g");
    json_begin_array(w);
    for (size_t at = 0; at < pack->count && !w->failed;) {
        at = put_group(pack, at, w);
    }
    json_end_array(w);
    json_end_object(w);
    return !w->failed;
}

// Where in the order a sample of this point belongs that came after all in it.
static size_t place_after(const struct tm_sample *samples, const uint16_t *order, size_t count,
                          uint32_t point)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (samples[order[middle]].point <= point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool value_fits(const struct tm_point *point, const struct tm_sample *sample)
{
    const struct tm_value *value = &sample->value;
    int64_t mantissa = 0;
    if (sample->quality != TM_GOOD || value->kind == TM_NULL) {
        return sample->quality != TM_GOOD && value->kind == TM_NULL && sample->quality <= TM_BAD &&
               sample->reason <= TM_REASON_LAST;
    }
    switch (point->type) {
    case TM_TYPE_INT:
        return value->kind == TM_INT && value->exponent >= TM_EXPONENT_MIN &&
               value->exponent <= TM_EXPONENT_MAX &&
               tm_rescale(value->u.i, value->exponent, point->exponent, &mantissa);
    case TM_TYPE_DOUBLE: {
        struct json_decimal decimal;
        return value->kind == TM_DOUBLE && json_decimal_of_double(value->u.d, &decimal);
    }
    case TM_TYPE_BOOL: return value->kind == TM_BOOL;
    case TM_TYPE_ENUM: return value->kind == TM_ENUM;
    case TM_TYPE_TEXT: return value->kind == TM_TEXT && value->text_size <= TM_TEXT_SIZE_MAX;
    }
    return false;
}

static bool is_carried(const struct tm_catalogue *catalogue, const struct tm_sample *sample)
{
    uint32_t index = 0;
    return sample->at_us <= (uint64_t)TM_EXACT_MAX &&
           tm_catalogue_index(catalogue, sample->point, &index) == OK &&
           value_fits(&catalogue->points[index], sample);
}

// Those that can be carried, by point, and those of one point as they came; of the first `sorted`
// they are in order already. Devices are read with their points ascending, so most samples of a
// window belong near its end. Returns how many; *bad is the first that cannot be, or count.
static size_t sort_by_point(const struct tm_catalogue *catalogue, const struct tm_sample *samples,
                            uint16_t *order, size_t sorted, size_t count, size_t *bad)
{
    size_t carried = 0;
    *bad = count;
    for (size_t i = 0; i < count; i++) {
        if (!is_carried(catalogue, &samples[i])) {
            *bad = *bad == count ? i : *bad;
            continue;
        }
        if (i >= sorted) {
            size_t at = place_after(samples, order, carried, samples[i].point);
            memmove(&order[at + 1], &order[at], (carried - at) * sizeof(order[0]));
            order[at] = (uint16_t)i;
        }
        carried++;
    }
    return carried;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t size_of(struct tm_pack *pack, size_t limit)
{
    struct json_writer w;
    json_writer_init(&w, NULL, SIZE_MAX);
    bool written = put_message(pack, limit, &w);
    ASSERT(written);
    return w.size;
}

// How many of the first samples fit; 0: not even one. A message grows about as its samples do, so
// the straight line between two sizes leads to the next trial; each third one halves, should the
// samples be too unlike each other for that.
static size_t most_that_fit(struct tm_pack *pack, size_t capacity)
{
    size_t fit = 0;
    size_t fit_size = 0;
    size_t tight = pack->count; // too many
    size_t tight_size = size_of(pack, tight);
    if (tight_size <= capacity) {
        return tight;
    }
    for (unsigned turn = 1; fit + 1 < tight; turn++) {
        size_t between = tight - fit;
        size_t step = between * (capacity - fit_size) / (tight_size - fit_size);
        step = turn % 3 == 0 ? between / 2 : step;
        step = step < 1 ? 1 : min_size(step, between - 1);
        size_t size = size_of(pack, fit + step);
        if (size <= capacity) {
            fit += step;
            fit_size = size;
        } else {
            tight = fit + step;
            tight_size = size;
        }
    }
    return fit;
}

enum err tm_encode(const struct tm_catalogue *catalogue, struct tm_axis axis,
                   const struct tm_sample *samples, size_t sample_count,
                   const struct tm_encode_memory *memory, struct tm_body *body)
{
    size_t count = min_size(min_size(sample_count, memory->capacity), TM_PACK_SAMPLE_MAX);
    if (count == 0) {
        return ERR_EMPTY;
    }
    size_t bad = 0;
    size_t carried = sort_by_point(catalogue, samples, memory->order, 0, count, &bad);
    if (carried < count) {
        body->taken = bad;
        return ERR_ARG;
    }
    struct tm_pack pack = {.catalogue = catalogue, .axis = axis, .samples = samples};
    pack.order = memory->order;
    pack.count = count;
    size_t fit = most_that_fit(&pack, body->capacity);
    if (fit == 0) {
        body->taken = 0;
        return ERR_SIZE;
    }
    struct json_writer w;
    json_writer_init(&w, body->out, body->capacity);
    bool written = put_message(&pack, fit, &w);
    ASSERT(written);
    body->size = w.size;
    body->taken = fit;
    return OK;
}

size_t tm_encode_size(const struct tm_catalogue *catalogue, struct tm_axis axis,
                      const struct tm_sample *samples, size_t sample_count,
                      const struct tm_encode_memory *memory, size_t sorted)
{
    ASSERT(sorted <= sample_count);
    if (sample_count > memory->capacity || sample_count > TM_PACK_SAMPLE_MAX) {
        return 0;
    }
    size_t bad = 0;
    struct tm_pack pack = {.catalogue = catalogue, .axis = axis, .samples = samples};
    pack.order = memory->order;
    pack.count = sort_by_point(catalogue, samples, memory->order, sorted, sample_count, &bad);
    return pack.count > 0 ? size_of(&pack, sample_count) : 0;
}
