// SPDX-License-Identifier: Apache-2.0
// How long an RTU frame will be, from its first bytes or from the request it answers.
#include "modbus/rtu.h"

// A whole frame of `fixed` bytes up to and including a count, then what the count says, then CRC.
static size_t counted(size_t fixed, size_t count)
{
    size_t size = fixed + count + 2;
    return size <= MB_RTU_SIZE_MAX ? size : MB_SIZE_OPEN;
}

// The size by the count byte at `at`.
static size_t by_count(struct bytes begin, size_t at)
{
    return begin.size > at ? counted(at + 1, begin.data[at]) : MB_SIZE_MORE;
}

static size_t diagnostics_size(struct bytes begin)
{
    if (begin.size < 4) {
        return MB_SIZE_MORE;
    }
    return begin.data[2] == 0 && begin.data[3] == MB_DIAG_ECHO ? MB_SIZE_OPEN : 8;
}

static size_t request_size(struct bytes begin)
{
    switch (begin.data[1]) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_WRITE_COIL:
    case MB_WRITE_REG: return 8;
    case MB_READ_EXCEPTION_STATUS:
    case MB_EVENT_COUNTER:
    case MB_EVENT_LOG:
    case MB_SERVER_ID: return 4;
    case MB_DIAGNOSTICS: return diagnostics_size(begin);
    case MB_WRITE_COILS:
    case MB_WRITE_REGS: return by_count(begin, 6);
    case MB_READ_FILE:
    case MB_WRITE_FILE: return by_count(begin, 2);
    case MB_MASK_WRITE: return 10;
    case MB_READ_WRITE: return by_count(begin, 10);
    case MB_READ_FIFO: return 6;
    case MB_ENCAPSULATED:
        if (begin.size < 3) {
            return MB_SIZE_MORE;
        }
        return begin.data[2] == MB_MEI_IDENT ? 7 : MB_SIZE_OPEN;
    default: return MB_SIZE_OPEN;
    }
}

static size_t ident_size(struct bytes begin)
{
    if (begin.size >= 3 && begin.data[2] != MB_MEI_IDENT) {
        return MB_SIZE_OPEN;
    }
    if (begin.size < 8) {
        return MB_SIZE_MORE;
    }
    size_t at = 8;
    for (size_t left = begin.data[7]; left > 0; left--) {
        if (at + 2 > begin.size) {
            return at + 4 <= MB_RTU_SIZE_MAX ? MB_SIZE_MORE : MB_SIZE_OPEN;
        }
        at += 2 + (size_t)begin.data[at + 1];
    }
    return counted(at, 0);
}

static size_t reply_size(struct bytes begin)
{
    if ((begin.data[1] & MB_EXCEPTION_BIT) != 0) {
        return MB_EXCEPTION_SIZE;
    }
    switch (begin.data[1]) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_EVENT_LOG:
    case MB_SERVER_ID:
    case MB_READ_FILE:
    case MB_WRITE_FILE:
    case MB_READ_WRITE: return by_count(begin, 2);
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
    case MB_EVENT_COUNTER:
    case MB_WRITE_COILS:
    case MB_WRITE_REGS: return 8;
    case MB_READ_EXCEPTION_STATUS: return 5;
    case MB_DIAGNOSTICS: return diagnostics_size(begin);
    case MB_MASK_WRITE: return 10;
    case MB_READ_FIFO:
        return begin.size < 4 ? MB_SIZE_MORE
                              : counted(4, (size_t)begin.data[2] << 8 | begin.data[3]);
    case MB_ENCAPSULATED: return ident_size(begin);
    default: return MB_SIZE_OPEN;
    }
}

size_t mb_rtu_size(enum mb_role role, struct bytes begin)
{
    if (begin.size < 2) {
        return MB_SIZE_MORE;
    }
    return role == MB_REQUESTS ? request_size(begin) : reply_size(begin);
}

static size_t files_reply_size(const struct mb_request *request)
{
    size_t size = 3;
    for (size_t i = 0; i < request->record_count && i < MB_RECORDS_MAX; i++) {
        size += (request->fc == MB_READ_FILE ? 2 : MB_FILE_READ_ITEM) +
                2 * (size_t)request->records[i].count;
    }
    return size + 2 <= MB_RTU_SIZE_MAX ? size + 2 : 0;
}

size_t mb_rtu_reply_size(const struct mb_request *request)
{
    switch (request->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE: return 5 + ((size_t)request->count + 7) / 8;
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_READ_WRITE: return 5 + 2 * (size_t)request->count;
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
    case MB_EVENT_COUNTER:
    case MB_WRITE_COILS:
    case MB_WRITE_REGS: return 8;
    case MB_READ_EXCEPTION_STATUS: return 5;
    case MB_DIAGNOSTICS:
        return request->subfunction == MB_DIAG_LISTEN_ONLY ? 0 : 6 + request->data.size;
    case MB_READ_FILE:
    case MB_WRITE_FILE: return files_reply_size(request);
    case MB_MASK_WRITE: return 10;
    default: return 0;
    }
}
