// SPDX-License-Identifier: Apache-2.0
// The forms of a column, and which of them is the shortest.
#include "base/assert.h"
#include "telemetry/pack.h"
#include "telemetry/words.h"
#include "json/number.h"

enum {
    DECIMAL_MAX = 22, // powers of ten that are exact in a double: reading m / 10^e rounds once
};

// Differences of two of these are at most 2^53.
#define DELTA_VALUE_MAX (TM_EXACT_MAX / 2)

enum form {
    FORM_DELTA,  // d: differences of scaled integers
    FORM_SCALED, // s: scaled integers
    FORM_BIG,    // b: scaled integers as strings
    FORM_PLAIN,  // a: any JSON value
};

struct column {
    const struct tm_pack *pack;
    const struct tm_run *run;
    bool all_good;
    bool constant;  // all rows hold the same value or none
    bool is_scaled; // rows are mantissas x 10^exponent
    bool is_big;    // one of them beyond DELTA_VALUE_MAX
    int exponent;
};

// The row's mantissa at the column's exponent. False: it has none there.
static bool mantissa_of(const struct column *c, const struct tm_value *value, int64_t *out)
{
    struct json_decimal decimal = {.mantissa = value->u.i, .exponent = value->exponent};
    if (value->kind == TM_ENUM) {
        *out = value->u.i;
        return true;
    }
    if (value->kind == TM_DOUBLE && !json_decimal_of_double(value->u.d, &decimal)) {
        return false;
    }
    return tm_rescale(decimal.mantissa, decimal.exponent, c->exponent, out);
}

// For doubles: the exponent at which all rows are whole numbers; false if there is none that
// reads back exactly.
static bool find_exponent(struct column *c)
{
    const struct tm_sample *sample = NULL;
    int exponent = DECIMAL_MAX;
    for (size_t at = c->run->start; (sample = tm_run_next(c->pack, c->run, &at)) != NULL;) {
        struct json_decimal decimal = {0};
        if (sample->value.kind == TM_NULL) {
            continue;
        }
        bool finite = json_decimal_of_double(sample->value.u.d, &decimal);
        ASSERT(finite);
        if (decimal.mantissa != 0 && decimal.exponent < exponent) {
            exponent = decimal.exponent;
        }
    }
    c->exponent = exponent < 0 ? exponent : 0;
    return exponent >= -DECIMAL_MAX;
}

static struct column inspect(const struct tm_pack *pack, const struct tm_run *run)
{
    struct column c = {.pack = pack, .run = run, .all_good = true, .constant = true};
    enum tm_type type = run->point->type;
    c.exponent = type == TM_TYPE_INT ? run->point->exponent : 0;
    c.is_scaled = type == TM_TYPE_INT || type == TM_TYPE_ENUM ||
                  (type == TM_TYPE_DOUBLE && find_exponent(&c));
    const struct tm_sample *first = NULL;
    const struct tm_sample *sample = NULL;
    for (size_t at = run->start; (sample = tm_run_next(pack, run, &at)) != NULL;) {
        first = first != NULL ? first : sample;
        c.all_good = c.all_good && sample->quality == TM_GOOD;
        c.constant = c.constant && tm_value_equal(&first->value, &sample->value);
        int64_t mantissa = 0;
        if (c.is_scaled && sample->value.kind != TM_NULL) {
            c.is_scaled = mantissa_of(&c, &sample->value, &mantissa);
            c.is_big = c.is_big || mantissa > DELTA_VALUE_MAX || mantissa < -DELTA_VALUE_MAX;
        }
    }
    if (type == TM_TYPE_DOUBLE && c.is_big) {
        c.is_scaled = false;
    }
    return c;
}

static void put_plain(const struct tm_value *value, struct json_writer *w)
{
    switch (value->kind) {
    case TM_NULL: json_put_null(w); break;
    case TM_DOUBLE: json_put_double(w, value->u.d); break;
    case TM_BOOL: json_put_bool(w, value->u.b); break;
    case TM_TEXT: json_put_text(w, bytes_of(value->u.text, value->text_size)); break;
    case TM_INT:
    case TM_ENUM: json_put_i64(w, value->u.i); break;
    }
}

// *last is what the next difference counts from.
static void put_cell(const struct column *c, enum form form, const struct tm_value *value,
                     int64_t *last, struct json_writer *w)
{
    int64_t mantissa = 0;
    if (value->kind == TM_NULL || form == FORM_PLAIN) {
        put_plain(value, w);
        return;
    }
    bool exact = mantissa_of(c, value, &mantissa);
    ASSERT(exact);
    if (form == FORM_BIG) {
        char text[JSON_NUMBER_SIZE_MAX];
        json_put_text(w, bytes_of(text, json_format_i64(mantissa, text)));
    } else {
        json_put_i64(w, form == FORM_DELTA ? mantissa - *last : mantissa);
        *last = mantissa;
    }
}

static void put_cells(const struct column *c, enum form form, struct json_writer *w)
{
    const struct tm_sample *sample = NULL;
    size_t at = c->run->start;
    int64_t last = 0;
    if (c->constant) {
        put_cell(c, form, &tm_run_next(c->pack, c->run, &at)->value, &last, w);
        return;
    }
    json_begin_array(w);
    while ((sample = tm_run_next(c->pack, c->run, &at)) != NULL) {
        put_cell(c, form, &sample->value, &last, w);
    }
    json_end_array(w);
}

static void put_quality(const struct tm_sample *sample, struct json_writer *w)
{
    char text[32];
    struct writer words = writer_of(text, sizeof(text));
    const char *const parts[] = {tm_quality_name(sample->quality), " ",
                                 tm_reason_name(sample->reason)};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        for (const char *letter = parts[i]; *letter != '\0'; letter++) {
            put_u8(&words, (uint8_t)*letter);
        }
    }
    json_put_text(w, writer_bytes(&words));
}

// Why the nulls are null: once if all agree, else one by one.
static void put_qualities(const struct column *c, struct json_writer *w)
{
    const struct tm_sample *sample = NULL;
    const struct tm_sample *first = NULL;
    bool agree = true;
    for (size_t at = c->run->start; (sample = tm_run_next(c->pack, c->run, &at)) != NULL;) {
        if (sample->quality != TM_GOOD) {
            first = first != NULL ? first : sample;
            agree = agree && sample->quality == first->quality && sample->reason == first->reason;
        }
    }
    json_put_key(w, "q");
    ASSERT(first != NULL);
    if (agree) {
        put_quality(first, w);
        return;
    }
    json_begin_array(w);
    for (size_t at = c->run->start; (sample = tm_run_next(c->pack, c->run, &at)) != NULL;) {
        if (sample->quality != TM_GOOD) {
            put_quality(sample, w);
        }
    }
    json_end_array(w);
}

static void put_form(const struct column *c, enum form form, struct json_writer *w)
{
    static const char *const keys[] = {"d", "s", "b", "a"};
    bool decimal = c->run->point->type == TM_TYPE_DOUBLE && form != FORM_PLAIN;
    if (c->all_good && !decimal && (form == FORM_DELTA || (form == FORM_SCALED && c->constant))) {
        put_cells(c, form, w);
        return;
    }
    json_begin_object(w);
    if (decimal) {
        json_put_key_i64(w, "e", c->exponent);
    }
    json_put_key(w, keys[form]);
    put_cells(c, form, w);
    if (!c->all_good) {
        put_qualities(c, w);
    }
    json_end_object(w);
}

static size_t size_of(const struct column *c, enum form form)
{
    struct json_writer w;
    json_writer_init(&w, NULL, SIZE_MAX);
    put_form(c, form, &w);
    return w.size;
}

void tm_put_column(const struct tm_pack *pack, const struct tm_run *run, struct json_writer *w)
{
    struct column c = inspect(pack, run);
    bool empty = !c.all_good && c.constant;
    enum form form = c.is_scaled && !empty ? FORM_DELTA : FORM_PLAIN;
    if (form == FORM_DELTA && c.is_big) {
        form = FORM_BIG;
    }
    if (form == FORM_DELTA && !c.constant && size_of(&c, FORM_SCALED) < size_of(&c, FORM_DELTA)) {
        form = FORM_SCALED;
    }
    if (run->point->type == TM_TYPE_DOUBLE && size_of(&c, FORM_PLAIN) <= size_of(&c, form)) {
        form = FORM_PLAIN;
    }
    put_form(&c, form, w);
}
