// SPDX-License-Identifier: Apache-2.0
// busward write: registers or coils of one unit, read back afterwards.
#include "apps/cli/commands.h"

#include "apps/cli/place.h"
#include "base/assert.h"

#include <stdio.h>
#include <string.h>

struct write_options {
    struct line_options line;
    struct place_options place;
    bool yes, many;
    struct option_list values;
};

static const struct option WRITE_OPTIONS[] = {
    LINE_OPTIONS("1000", "0"),
    PLACE_OPTIONS(write_options, place, "holding or coil"),
    {"many", OPTION_FLAG, offsetof(struct write_options, many), 0, 0, NULL,
     "use the function for many (16, 15) for a single one too"},
    {"yes", OPTION_FLAG, offsetof(struct write_options, yes), 0, 0, NULL,
     "really write; without it only what would be written is shown"},
    {"VALUE", OPTION_REST, offsetof(struct write_options, values), 1, OPTION_LIST_MAX, NULL,
     "numbers, 0x.. too; of a coil 0, 1, on or off"},
};

static const struct option_table WRITE_TABLE = {
    .program = "busward write",
    .purpose = "Writes registers or coils of a unit once and reads them back.",
    .options = WRITE_OPTIONS,
    .count = COUNT_OF(WRITE_OPTIONS),
};

// Packed as the wire has it.
struct image {
    uint8_t data[MB_PDU_SIZE_MAX];
    size_t size;
    uint32_t count; // registers or coils
};

static bool image_of(const struct place *place, const struct option_list *values, struct image *out)
{
    *out = (struct image){.count = (uint32_t)values->count * place->reg_count};
    if (place->table != TABLE_HOLDING && place->table != TABLE_COIL) {
        fprintf(stderr, "%s: --table: only holding and coil can be written\n", WRITE_TABLE.program);
        return false;
    }
    if (!place_is_bits(place) && out->count > MB_WRITE_REGS_MAX) {
        fprintf(stderr, "%s: %u registers; one request writes up to %d\n", WRITE_TABLE.program,
                out->count, MB_WRITE_REGS_MAX);
        return false;
    }
    for (size_t i = 0; i < values->count; i++) {
        uint8_t bytes[8];
        struct writer w = writer_of(bytes, sizeof(bytes));
        if (!place_parse(place, values->item[i], &w)) {
            fprintf(stderr, "%s: \"%.40s\" is no value here; expected %s\n", WRITE_TABLE.program,
                    values->item[i],
                    place_is_bits(place) ? "0, 1, on or off"
                                         : "a number of a --type u16 to i64, f32 or f64 in range");
            return false;
        }
        if (place_is_bits(place)) {
            out->data[i / 8] |= (uint8_t)(bytes[0] << (i % 8));
            out->size = i / 8 + 1;
        } else {
            memcpy(out->data + out->size, bytes, w.size);
            out->size += w.size;
        }
    }
    return true;
}

static struct mb_request request_of(const struct place *place, const struct image *image,
                                    bool is_many)
{
    const bool is_bits = place_is_bits(place);
    struct mb_request request = {.address = (uint16_t)place->address};
    if (image->count == 1 && !is_many) {
        request.fc = is_bits ? MB_WRITE_COIL : MB_WRITE_REG;
        request.value = is_bits ? (image->data[0] != 0 ? MB_COIL_ON : 0)
                                : mb_reg(bytes_of(image->data, image->size), 0);
    } else {
        request.fc = is_bits ? MB_WRITE_COILS : MB_WRITE_REGS;
        request.count = (uint16_t)image->count;
        request.data = bytes_of(image->data, image->size);
    }
    return request;
}

static void print_image(const struct place *place, const struct image *image, const char *verb)
{
    char classic[CLASSIC_SIZE];
    char text[PLACE_TEXT_SIZE];
    printf("unit %u, %u (%s): %s", place->unit, place->address,
           place_classic(place, place->address, classic), verb);
    for (uint32_t i = 0; i < image->count / place->reg_count; i++) {
        const size_t skip = place_is_bits(place) ? 0 : 2 * (size_t)i * place->reg_count;
        (void)place_format(place, bytes_of(image->data + skip, image->size - skip), i, text);
        printf(" %s", text);
    }
    fputc('\n', stdout);
}

static bool write_and_check(struct asker *asker, const struct place *place,
                            const struct image *image, bool is_many)
{
    const struct mb_request request = request_of(place, image, is_many);
    if (!asker_do(asker, place->unit, &request)) {
        return false;
    }
    print_image(place, image, "wrote");
    const struct mb_request again = {.fc = place_is_bits(place) ? MB_READ_COILS : MB_READ_HOLDING,
                                     .address = (uint16_t)place->address,
                                     .count = (uint16_t)image->count};
    if (!asker_do(asker, place->unit, &again)) {
        fprintf(stderr, "%s: written, but it cannot be read back\n", WRITE_TABLE.program);
        return false;
    }
    struct image back = {.count = image->count, .size = asker->reply.data.size};
    memcpy(back.data, asker->reply.data.data, back.size);
    print_image(place, &back, "reads back as");
    if (back.size != image->size || memcmp(back.data, image->data, back.size) != 0) {
        fprintf(stderr, "%s: the unit took the request but holds another value\n",
                WRITE_TABLE.program);
        return false;
    }
    return true;
}

int command_write(int argc, char **argv)
{
    struct write_options options = {.yes = false};
    struct place place;
    struct image image;
    struct asker asker;
    switch (options_parse(&WRITE_TABLE, argc, argv, &options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    if (!place_of(WRITE_TABLE.program, &options.place, &place) ||
        !place_fits(WRITE_TABLE.program, &place, options.values.count) ||
        !image_of(&place, &options.values, &image)) {
        return 2;
    }
    if (!options.yes) {
        print_image(&place, &image, "would write");
        fprintf(stderr, "%s: nothing was written; say --yes to do it\n", WRITE_TABLE.program);
        return 1;
    }
    if (!asker_open(&asker, WRITE_TABLE.program, &options.line, 1000)) {
        return 1;
    }
    const bool is_good = write_and_check(&asker, &place, &image, options.many);
    asker_close(&asker);
    return is_good ? 0 : 1;
}
