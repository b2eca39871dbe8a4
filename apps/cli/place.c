// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/place.h"

#include "apps/gateway/config/profile_check.h"
#include "apps/gateway/config/profile_words.h"
#include "apps/gateway/poll/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t word_index(const char *const *words, const char *text)
{
    uint32_t i = 0;
    while (words[i] != NULL && strcmp(words[i], text) != 0) {
        i++;
    }
    return i;
}

bool place_is_bits(const struct place *place)
{
    return place->table == TABLE_COIL || place->table == TABLE_DISCRETE;
}

static bool is_type_here(uint32_t type)
{
    return type != TYPE_BOOL && type != TYPE_BITS && type != TYPE_U8_HIGH && type != TYPE_U8_LOW &&
           type < TYPE_COUNT;
}

static bool set_order(const char *program, const char *text, struct place *out)
{
    const size_t bytes = 2 * (size_t)out->reg_count;
    const uint32_t word = text != NULL ? word_index(ORDER_WORDS, text) : 0;
    if (text == NULL || bytes < 4 || out->value.type == TYPE_STRING) {
        out->value.order = 0;
        if (text != NULL) {
            fprintf(stderr, "%s: --order: %s takes one register and has no word order\n", program,
                    TYPE_WORDS[out->value.type]);
        }
        return text == NULL;
    }
    if (word == 0 || ORDER_WORDS[word] == NULL || strlen(text) != bytes) {
        fprintf(stderr, "%s: --order: \"%.20s\" is none of", program, text);
        for (uint32_t i = 1; ORDER_WORDS[i] != NULL; i++) {
            if (strlen(ORDER_WORDS[i]) == bytes) {
                fprintf(stderr, " %s", ORDER_WORDS[i]);
            }
        }
        fputc('\n', stderr);
        return false;
    }
    out->value.order = profile_order(word);
    return true;
}

bool place_of(const char *program, const struct place_options *options, struct place *out)
{
    *out = (struct place){.unit = (uint8_t)options->unit,
                          .table = word_index(TABLE_WORDS, options->table),
                          .address = (uint32_t)options->address};
    if (out->table >= TABLE_COUNT) {
        fprintf(stderr, "%s: --table: \"%.20s\" is none of coil, discrete, input, holding\n",
                program, options->table);
        return false;
    }
    const bool is_bits = place_is_bits(out);
    if (is_bits && (options->type != NULL || options->order != NULL)) {
        fprintf(stderr, "%s: --type and --order are for registers; %s has bits\n", program,
                TABLE_WORDS[out->table]);
        return false;
    }
    const uint32_t type = is_bits                 ? TYPE_BOOL
                          : options->type != NULL ? word_index(TYPE_WORDS, options->type)
                                                  : TYPE_U16;
    if (!is_bits && !is_type_here(type)) {
        fprintf(stderr,
                "%s: --type: \"%.20s\" is none of u16, i16, u32, i32, u64, i64, f16, f32, f64, "
                "bcd16, bcd32, string\n",
                program, options->type);
        return false;
    }
    out->value = (struct profile_point){
        .table = out->table, .type = type, .width = 1, .scale = 1, .decimals = DECIMALS_ALL};
    const uint32_t bytes = profile_type_bytes(type);
    out->reg_count = is_bits || bytes < 2 ? 1 : bytes / 2;
    return set_order(program, options->order, out);
}

bool place_fits(const char *program, const struct place *place, uint64_t value_count)
{
    if (place->address + value_count * place->reg_count <= MB_ADDRESSES) {
        return true;
    }
    fprintf(stderr, "%s: --address: %" PRIu64 " values from %u on pass the last address, 65535\n",
            program, value_count, place->address);
    return false;
}

const char *place_classic(const struct place *place, uint32_t address, char out[CLASSIC_SIZE])
{
    static const char digits[] = {'0', '1', '3', '4'};
    snprintf(out, CLASSIC_SIZE, address < 9999 ? "%c%04u" : "%c%05u", digits[place->table],
             (address + 1) % 100000);
    return out;
}

// The fewest digits that say the same number.
static void format_real(double value, bool is_twice, char out[PLACE_TEXT_SIZE])
{
    bool is_same = false;
    for (int digits = 1; digits <= 17 && !is_same; digits++) {
        snprintf(out, PLACE_TEXT_SIZE, "%.*g", digits, value);
        const double back = strtod(out, NULL);
        is_same = is_twice ? back == value : (float)back == (float)value;
    }
}

static bool format_wide(const struct place *place, struct bytes data, char out[PLACE_TEXT_SIZE])
{
    struct decoded decoded;
    if (place->value.type == TYPE_U64) { // above what the system's integers hold
        snprintf(out, PLACE_TEXT_SIZE, "%" PRIu64, decode_wide(data.data, 8, place->value.order));
        return true;
    }
    if (decode_point(&place->value, data, &decoded) != DECODE_VALUE) {
        snprintf(out, PLACE_TEXT_SIZE, "no %s", TYPE_WORDS[place->value.type]);
        return false;
    }
    if (decoded.value.kind == TM_TEXT) {
        snprintf(out, PLACE_TEXT_SIZE, "\"%s\"", decoded.text);
    } else if (decoded.value.kind == TM_INT) {
        snprintf(out, PLACE_TEXT_SIZE, "%" PRId64, decoded.value.u.i);
    } else {
        format_real(tm_value_double(&decoded.value), place->value.type == TYPE_F64, out);
    }
    return true;
}

bool place_format(const struct place *place, struct bytes data, size_t bit,
                  char out[PLACE_TEXT_SIZE])
{
    if (place_is_bits(place)) {
        snprintf(out, PLACE_TEXT_SIZE, "%d", mb_bit(data, bit) ? 1 : 0);
        return true;
    }
    return format_wide(place, data, out);
}

// Of `size` bytes, the sign in its own.
static bool parse_whole(const char *text, bool is_signed, size_t size, uint64_t *out)
{
    char *end = NULL;
    const bool is_negative = text[0] == '-';
    const unsigned bits = 8 * (unsigned)size;
    errno = 0;
    const uint64_t size_of = strtoull(text + (is_negative ? 1 : 0), &end, 0);
    const char first = text[is_negative ? 1 : 0];
    const uint64_t most = UINT64_MAX >> (64 - bits + (is_signed ? 1 : 0));
    const uint64_t limit = is_negative ? (is_signed ? most + 1 : 0) : most;
    if (errno != 0 || first < '0' || first > '9' || *end != '\0' || size_of > limit) {
        return false;
    }
    *out = is_negative ? 0 - size_of : size_of;
    return true;
}

static bool parse_real(const char *text, bool is_single, uint64_t *out)
{
    char *end = NULL;
    const double value = strtod(text, &end);
    const float single = (float)value;
    uint32_t low = 0;
    if (end == text || *end != '\0' || !isfinite(value) || (is_single && !isfinite(single))) {
        return false;
    }
    memcpy(out, &value, sizeof(*out));
    memcpy(&low, &single, sizeof(low));
    *out = is_single ? low : *out;
    return true;
}

bool place_parse(const struct place *place, const char *text, struct writer *out)
{
    const uint32_t type = place->value.type;
    const size_t size = 2 * (size_t)place->reg_count;
    uint64_t bits = 0;
    bool is_good = false;
    if (place_is_bits(place)) {
        const bool is_on = strcmp(text, "1") == 0 || strcmp(text, "on") == 0;
        put_u8(out, is_on ? 1 : 0);
        return is_on || strcmp(text, "0") == 0 || strcmp(text, "off") == 0;
    }
    if (type == TYPE_F32 || type == TYPE_F64) {
        is_good = parse_real(text, type == TYPE_F32, &bits);
    } else if (type == TYPE_U16 || type == TYPE_U32 || type == TYPE_U64) {
        is_good = parse_whole(text, false, size, &bits);
    } else if (type == TYPE_I16 || type == TYPE_I32 || type == TYPE_I64) {
        is_good = parse_whole(text, true, size, &bits);
    }
    for (size_t i = 0; is_good && i < size; i++) {
        const size_t from = i ^ (place->value.order & (size - 1)); // decode_wide() backwards
        put_u8(out, (uint8_t)(bits >> (8 * (size - 1 - from))));
    }
    return is_good;
}
