// SPDX-License-Identifier: Apache-2.0
// Every bound of a request, for both ends [AP 6]: quantities and sizes first (exception 03), then
// where they lead (exception 02), in the order of the state diagrams there.
#include "modbus/pdu.h"

static enum mb_exception check_range(uint32_t address, uint32_t count, uint32_t count_max)
{
    if (count < 1 || count > count_max) {
        return MB_EX_VALUE;
    }
    return address + count > MB_ADDRESSES ? MB_EX_ADDRESS : MB_EX_NONE;
}

static enum mb_exception check_write(uint32_t address, uint32_t count, uint32_t count_max,
                                     size_t size_expected, size_t size)
{
    if (count < 1 || count > count_max || size != size_expected) {
        return MB_EX_VALUE;
    }
    return check_range(address, count, count_max);
}

static enum mb_exception check_read_write(const struct mb_request *r)
{
    if (r->count < 1 || r->count > MB_READ_REGS_MAX) {
        return MB_EX_VALUE;
    }
    enum mb_exception no = check_write(r->write_address, r->write_count, MB_RW_WRITE_MAX,
                                       2 * (size_t)r->write_count, r->data.size);
    return no != MB_EX_NONE ? no : check_range(r->address, r->count, MB_READ_REGS_MAX);
}

static enum mb_exception check_diagnostics(const struct mb_request *r)
{
    if (r->subfunction == MB_DIAG_ECHO) {
        size_t size = r->data.size;
        return size >= 2 && size <= MB_PDU_SIZE_MAX - 3 && size % 2 == 0 ? MB_EX_NONE : MB_EX_VALUE;
    }
    bool is_known = r->subfunction <= MB_DIAG_LISTEN_ONLY ||
                    (r->subfunction >= MB_DIAG_CLEAR && r->subfunction <= MB_DIAG_OVERRUNS) ||
                    r->subfunction == MB_DIAG_CLEAR_OVERRUN;
    if (!is_known) {
        return MB_EX_FUNCTION;
    }
    if (r->data.size != 2) {
        return MB_EX_VALUE;
    }
    uint16_t value = mb_reg(r->data, 0);
    bool is_good = value == 0;
    if (r->subfunction == MB_DIAG_RESTART) {
        is_good = value == 0 || value == 0xff00;
    } else if (r->subfunction == MB_DIAG_DELIMITER) {
        is_good = (value & 0xff) == 0;
    }
    return is_good ? MB_EX_NONE : MB_EX_VALUE;
}

// Sums up in 32 bits: 35 counts of 65535 neither wrap nor pass for small.
static enum mb_exception check_files(const struct mb_request *r)
{
    bool is_write = r->fc == MB_WRITE_FILE;
    uint32_t item_max = is_write ? MB_FILE_WRITE_MAX / MB_FILE_WRITE_MIN : MB_RECORDS_MAX;
    if (r->record_count < 1 || r->record_count > item_max) {
        return MB_EX_VALUE;
    }
    uint32_t size = 0;
    for (size_t i = 0; i < r->record_count; i++) {
        const struct mb_record *record = &r->records[i];
        if (record->count < 1 || (is_write && record->data.size != 2 * (size_t)record->count)) {
            return MB_EX_VALUE;
        }
        size += (is_write ? MB_FILE_READ_ITEM : 2) + 2 * (uint32_t)record->count;
    }
    if (size > (is_write ? MB_FILE_WRITE_MAX : MB_FILE_READ_MAX)) {
        return MB_EX_VALUE;
    }
    for (size_t i = 0; i < r->record_count; i++) {
        const struct mb_record *record = &r->records[i];
        if (record->file == 0 || (uint32_t)record->number + record->count > MB_RECORD_NUMBERS) {
            return MB_EX_ADDRESS;
        }
    }
    return MB_EX_NONE;
}

enum mb_exception mb_request_check(const struct mb_request *r)
{
    switch (r->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE: return check_range(r->address, r->count, MB_READ_BITS_MAX);
    case MB_READ_HOLDING:
    case MB_READ_INPUT: return check_range(r->address, r->count, MB_READ_REGS_MAX);
    case MB_WRITE_COIL: return r->value == 0 || r->value == MB_COIL_ON ? MB_EX_NONE : MB_EX_VALUE;
    case MB_WRITE_COILS:
        return check_write(r->address, r->count, MB_WRITE_BITS_MAX, ((size_t)r->count + 7) / 8,
                           r->data.size);
    case MB_WRITE_REGS:
        return check_write(r->address, r->count, MB_WRITE_REGS_MAX, 2 * (size_t)r->count,
                           r->data.size);
    case MB_READ_WRITE: return check_read_write(r);
    case MB_DIAGNOSTICS: return check_diagnostics(r);
    case MB_READ_FILE:
    case MB_WRITE_FILE: return check_files(r);
    case MB_ENCAPSULATED:
        return r->ident_code >= MB_IDENT_BASIC && r->ident_code <= MB_IDENT_ONE ? MB_EX_NONE
                                                                                : MB_EX_VALUE;
    case MB_WRITE_REG:
    case MB_READ_EXCEPTION_STATUS:
    case MB_EVENT_COUNTER:
    case MB_EVENT_LOG:
    case MB_SERVER_ID:
    case MB_MASK_WRITE:
    case MB_READ_FIFO: return MB_EX_NONE;
    default: return MB_EX_FUNCTION;
    }
}
