// SPDX-License-Identifier: Apache-2.0
// busward read: registers or bits of one unit, once.
#include "apps/cli/commands.h"

#include "apps/cli/place.h"
#include "apps/gateway/config/profile_words.h"
#include "base/assert.h"

#include <stdio.h>

struct read_options {
    struct line_options line;
    struct place_options place;
    uint64_t count;
};

static const struct option READ_OPTIONS[] = {
    LINE_OPTIONS("1000", "2"),
    PLACE_OPTIONS(read_options, place, "input, holding, coil or discrete"),
    {"count", OPTION_UINT, offsetof(struct read_options, count), 1, 65536, "1",
     "how many values; of a string: its registers, up to 64"},
};

static const struct option_table READ_TABLE = {
    .program = "busward read",
    .purpose = "Reads registers or bits of a unit once.",
    .options = READ_OPTIONS,
    .count = COUNT_OF(READ_OPTIONS),
};

static void print_values(const struct place *place, uint32_t address, uint32_t count,
                         struct bytes data)
{
    for (uint32_t i = 0; i < count; i++) {
        char text[PLACE_TEXT_SIZE];
        char classic[CLASSIC_SIZE];
        const uint32_t at = address + i * place->reg_count;
        const size_t skip = place_is_bits(place) ? 0 : 2 * (size_t)i * place->reg_count;
        const struct bytes rest = bytes_of(data.data + skip, data.size - skip);
        (void)place_format(place, rest, i, text); // says itself what is no value
        printf("%5u  %-6s  %s", at, place_classic(place, at, classic), text);
        if (!place_is_bits(place)) {
            fputs("  (0x", stdout);
            for (size_t k = 0; k < 2 * (size_t)place->reg_count; k++) {
                printf("%s%02x", k > 0 && k % 2 == 0 ? " " : "", rest.data[k]);
            }
            fputc(')', stdout);
        }
        fputc('\n', stdout);
    }
}

static bool read_all(struct asker *asker, const struct place *place, uint32_t count)
{
    static const uint8_t functions[] = {MB_READ_COILS, MB_READ_DISCRETE, MB_READ_INPUT,
                                        MB_READ_HOLDING};
    const uint32_t most =
        place_is_bits(place) ? MB_READ_BITS_MAX : MB_READ_REGS_MAX / place->reg_count;
    for (uint32_t done = 0; done < count;) {
        const uint32_t now = count - done < most ? count - done : most;
        const uint32_t address = place->address + done * place->reg_count;
        const struct mb_request request = {.fc = functions[place->table],
                                           .address = (uint16_t)address,
                                           .count = (uint16_t)(now * place->reg_count)};
        if (!asker_do(asker, place->unit, &request)) {
            return false;
        }
        print_values(place, address, now, asker->reply.data);
        done += now;
    }
    return true;
}

int command_read(int argc, char **argv)
{
    struct read_options options = {.count = 0};
    struct place place;
    struct asker asker;
    switch (options_parse(&READ_TABLE, argc, argv, &options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    if (!place_of(READ_TABLE.program, &options.place, &place)) {
        return 2;
    }
    if (place.value.type == TYPE_STRING) { // its registers are one value
        if (options.count > TEXT_LENGTH_MAX / 2) {
            fprintf(stderr, "%s: --count: a string has up to %d registers\n", READ_TABLE.program,
                    TEXT_LENGTH_MAX / 2);
            return 2;
        }
        place.reg_count = (uint32_t)options.count;
        place.value.length = 2 * place.reg_count;
        options.count = 1;
    }
    if (!place_fits(READ_TABLE.program, &place, options.count)) {
        return 2;
    }
    if (!asker_open(&asker, READ_TABLE.program, &options.line, 1000)) {
        return 1;
    }
    const bool is_good = read_all(&asker, &place, (uint32_t)options.count);
    asker_close(&asker);
    return is_good ? 0 : 1;
}
