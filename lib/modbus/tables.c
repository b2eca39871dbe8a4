// SPDX-License-Identifier: Apache-2.0
#include "modbus/tables.h"

static size_t count_of(const struct mb_tables *tables, enum mb_table table)
{
    switch (table) {
    case MB_COILS: return tables->coil_count;
    case MB_DISCRETE: return tables->discrete_count;
    case MB_HOLDING: return tables->holding_count;
    case MB_INPUT: return tables->input_count;
    }
    return 0;
}

static bool is_inside(const struct mb_tables *tables, const struct mb_access *access)
{
    return (size_t)access->address + access->count <= count_of(tables, access->table);
}

static void put_bits(const bool *bits, size_t count, struct writer *w)
{
    for (size_t at = 0; at < count; at += 8) {
        unsigned byte = 0;
        for (size_t bit = 0; bit < 8 && at + bit < count; bit++) {
            byte |= (unsigned)bits[at + bit] << bit;
        }
        put_u8(w, (uint8_t)byte);
    }
}

static void put_regs(const uint16_t *regs, size_t count, struct writer *w)
{
    for (size_t i = 0; i < count; i++) {
        put_u16be(w, regs[i]);
    }
}

static enum mb_exception read_table(void *ctx, const struct mb_access *access, struct writer *out)
{
    const struct mb_tables *tables = ctx;
    if (!is_inside(tables, access)) {
        return MB_EX_ADDRESS;
    }
    if (access->is_check) {
        return MB_EX_NONE;
    }
    switch (access->table) {
    case MB_COILS: put_bits(tables->coils + access->address, access->count, out); break;
    case MB_DISCRETE: put_bits(tables->discrete + access->address, access->count, out); break;
    case MB_HOLDING: put_regs(tables->holding + access->address, access->count, out); break;
    case MB_INPUT: put_regs(tables->input + access->address, access->count, out); break;
    }
    return MB_EX_NONE;
}

static enum mb_exception write_table(void *ctx, const struct mb_access *access)
{
    const struct mb_tables *tables = ctx;
    if (!is_inside(tables, access)) {
        return MB_EX_ADDRESS;
    }
    for (size_t i = 0; i < access->count && !access->is_check; i++) {
        if (access->table == MB_COILS) {
            tables->coils[access->address + i] = mb_bit(access->data, i);
        } else {
            tables->holding[access->address + i] = mb_reg(access->data, i);
        }
    }
    return MB_EX_NONE;
}

const struct mb_server_ops mb_tables_ops = {.read = read_table, .write = write_table};
