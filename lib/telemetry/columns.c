// SPDX-License-Identifier: Apache-2.0
#include "telemetry/columns.h"

#include "base/assert.h"
#include "telemetry/words.h"

enum { DECIMAL_MAX = 22, QUALITY_SIZE_MAX = 32 };

static const double powers[DECIMAL_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static void set_row(struct tm_column_reader *c, uint32_t row, struct tm_value value)
{
    c->memory->rows[row] = (struct tm_row){.value = value};
}

// *sum is the value so far; a null leaves it.
static enum err take_scaled(struct tm_column_reader *c, uint32_t row, bool delta, int64_t *sum)
{
    int64_t number = 0;
    if (json_peek(c->json) == JSON_NULL) {
        set_row(c, row, (struct tm_value){.kind = TM_NULL});
        return json_get_null(c->json) ? OK : ERR_CORRUPT;
    }
    if (!json_get_i64(c->json, -TM_EXACT_MAX, TM_EXACT_MAX, &number)) {
        return ERR_CORRUPT;
    }
    *sum = delta ? *sum + number : number;
    if (*sum > TM_EXACT_MAX || *sum < -TM_EXACT_MAX) {
        return ERR_CORRUPT;
    }
    set_row(c, row, tm_int(*sum, 0));
    return OK;
}

static enum err take_big(struct tm_column_reader *c, uint32_t row)
{
    struct json_text text;
    int64_t number = 0;
    if (json_peek(c->json) == JSON_NULL) {
        set_row(c, row, (struct tm_value){.kind = TM_NULL});
        return json_get_null(c->json) ? OK : ERR_CORRUPT;
    }
    if (!json_get_text(c->json, &text) || json_i64_of(text.raw, &number) != OK) {
        return ERR_CORRUPT;
    }
    set_row(c, row, tm_int(number, 0));
    return OK;
}

static enum err take_text(struct tm_column_reader *c, uint32_t row)
{
    struct json_text text;
    if (!json_get_text(c->json, &text)) {
        return ERR_CORRUPT;
    }
    struct bytes plain = text.raw;
    if (text.escaped) {
        char *out = c->memory->text + c->text_size;
        size_t size = 0;
        if (json_unescape(&text, out, c->memory->text_capacity - c->text_size, &size) != OK) {
            return ERR_SIZE;
        }
        plain = bytes_of(out, size);
        c->text_size += size;
    }
    if (plain.size > TM_TEXT_SIZE_MAX) {
        return ERR_CORRUPT;
    }
    set_row(c, row, tm_text(plain));
    return OK;
}

static enum err take_plain(struct tm_column_reader *c, uint32_t row)
{
    double real = 0;
    bool yes = false;
    bool good = false;
    switch (json_peek(c->json)) {
    case JSON_NULL:
        set_row(c, row, (struct tm_value){.kind = TM_NULL});
        good = json_get_null(c->json);
        break;
    case JSON_BOOL:
        good = json_get_bool(c->json, &yes);
        set_row(c, row, tm_bool(yes));
        break;
    case JSON_NUMBER: {
        struct bytes text;
        good = json_get_number(c->json, &text) && json_double_of(text, &real) == OK;
        set_row(c, row, tm_double(real));
        break;
    }
    case JSON_STRING: return take_text(c, row);
    case JSON_NONE:
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return good ? OK : ERR_CORRUPT;
}

static enum err take_cell(struct tm_column_reader *c, char form, uint32_t row, int64_t *sum)
{
    if (form == 'a') {
        return take_plain(c, row);
    }
    return form == 'b' ? take_big(c, row) : take_scaled(c, row, form == 'd', sum);
}

// An array of exactly row_count cells, or one cell that stands for all.
static enum err take_cells(struct tm_column_reader *c, char form)
{
    int64_t sum = 0;
    uint32_t row = 0;
    if (json_peek(c->json) != JSON_ARRAY) {
        enum err err = take_cell(c, form, 0, &sum);
        for (row = 1; err == OK && row < c->row_count; row++) {
            c->memory->rows[row] = c->memory->rows[0];
        }
        return err;
    }
    bool entered = json_enter_array(c->json);
    ASSERT(entered);
    while (json_next_item(c->json)) {
        enum err err = row < c->row_count ? take_cell(c, form, row, &sum) : ERR_CORRUPT;
        if (err != OK) {
            return err;
        }
        row++;
    }
    return row == c->row_count && !json_failed(c->json) ? OK : ERR_CORRUPT;
}

// "stale silent": two words.
static bool take_quality(struct json_reader *r, struct tm_row *out)
{
    char text[QUALITY_SIZE_MAX];
    size_t size = 0;
    size_t space = 0;
    if (!json_get_string(r, text, sizeof(text), &size)) {
        return false;
    }
    while (space < size && text[space] != ' ') {
        space++;
    }
    struct bytes reason = bytes_of("", 0);
    if (space < size) {
        reason = bytes_of(text + space + 1, size - space - 1);
    }
    out->reason = tm_reason_of(reason);
    return tm_quality_of(bytes_of(text, space), &out->quality) && out->quality != TM_GOOD;
}

// Gives every null its quality, from the raw text of `q`.
static enum err apply_qualities(struct tm_column_reader *c, struct bytes q)
{
    struct json_reader r;
    struct tm_row quality = {0};
    json_reader_init(&r, q, NULL);
    bool each = q.size > 0 && json_peek(&r) == JSON_ARRAY;
    bool known = q.size > 0 && (each ? json_enter_array(&r) : take_quality(&r, &quality));
    for (uint32_t row = 0; row < c->row_count; row++) {
        if (c->memory->rows[row].value.kind != TM_NULL) {
            continue;
        }
        if (!known || (each && !(json_next_item(&r) && take_quality(&r, &quality)))) {
            return ERR_CORRUPT;
        }
        c->memory->rows[row].quality = quality.quality;
        c->memory->rows[row].reason = quality.reason;
    }
    return each && json_next_item(&r) ? ERR_CORRUPT : OK;
}

// Scaled integers become what the exponent or the catalogue says they are.
static enum err apply_scale(struct tm_column_reader *c, bool has_exponent, int exponent)
{
    static const enum tm_kind kinds[] = {TM_INT, TM_DOUBLE, TM_BOOL, TM_ENUM, TM_TEXT};
    for (uint32_t row = 0; row < c->row_count; row++) {
        struct tm_value *value = &c->memory->rows[row].value;
        if (value->kind == TM_INT && has_exponent) {
            double real = (double)value->u.i;
            *value = tm_double(exponent < 0 ? real / powers[-exponent] : real * powers[exponent]);
        } else if (value->kind == TM_INT && c->point != NULL) {
            value->kind = c->point->type == TM_TYPE_ENUM ? TM_ENUM : TM_INT;
            value->exponent = value->kind == TM_INT ? c->point->exponent : 0;
        }
        if (c->point != NULL && value->kind != TM_NULL && value->kind != kinds[c->point->type]) {
            return ERR_CORRUPT;
        }
    }
    return OK;
}

enum err tm_read_column(struct tm_column_reader *c)
{
    struct json_text key;
    struct bytes q = {0};
    int64_t exponent = 0;
    bool has_exponent = false;
    bool has_cells = false;
    enum err err = OK;
    if (json_peek(c->json) != JSON_OBJECT) {
        err = take_cells(c, json_peek(c->json) == JSON_ARRAY ? 'd' : 's');
        // Nulls need a quality, which only the object has.
        err = err == OK ? apply_qualities(c, q) : err;
        return err == OK ? apply_scale(c, false, 0) : err;
    }
    bool entered = json_enter_object(c->json);
    ASSERT(entered);
    while (json_next_key(c->json, &key)) {
        bool form = key.raw.size == 1 && !key.escaped &&
                    (json_text_is(&key, "d") || json_text_is(&key, "s") ||
                     json_text_is(&key, "b") || json_text_is(&key, "a"));
        bool good = true;
        if (form) {
            err = has_cells ? ERR_CORRUPT : take_cells(c, (char)key.raw.data[0]);
            has_cells = true;
        } else if (json_text_is(&key, "e")) {
            good = json_get_i64(c->json, -DECIMAL_MAX, DECIMAL_MAX, &exponent);
            has_exponent = true;
        } else if (json_text_is(&key, "q")) {
            good = json_raw(c->json, &q);
        } else {
            good = json_skip(c->json);
        }
        if (err != OK || !good) {
            return err != OK ? err : ERR_CORRUPT;
        }
    }
    if (json_failed(c->json) || !has_cells) {
        return ERR_CORRUPT;
    }
    err = apply_qualities(c, q);
    return err == OK ? apply_scale(c, has_exponent, (int)exponent) : err;
}
