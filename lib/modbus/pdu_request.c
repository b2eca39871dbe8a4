// SPDX-License-Identifier: Apache-2.0
#include "modbus/pdu.h"

uint16_t mb_reg(struct bytes data, size_t index)
{
    if (index >= data.size / 2) {
        return 0;
    }
    struct reader r = reader_of(bytes_of(data.data + 2 * index, 2));
    return get_u16be(&r);
}

bool mb_bit(struct bytes data, size_t index)
{
    return index / 8 < data.size && (data.data[index / 8] >> (index % 8) & 1) != 0;
}

static void put_record(const struct mb_record *record, struct writer *w)
{
    put_u8(w, MB_FILE_REFERENCE);
    put_u16be(w, record->file);
    put_u16be(w, record->number);
    put_u16be(w, record->count);
    put_bytes(w, record->data); // empty in FC 20
}

static void put_files(const struct mb_request *request, struct writer *w)
{
    size_t size = 0;
    for (size_t i = 0; i < request->record_count; i++) {
        bool has_data = request->fc == MB_WRITE_FILE;
        size += MB_FILE_READ_ITEM + (has_data ? request->records[i].data.size : 0);
    }
    put_u8(w, (uint8_t)size);
    for (size_t i = 0; i < request->record_count; i++) {
        struct mb_record record = request->records[i];
        if (request->fc == MB_READ_FILE) {
            record.data = bytes_of(NULL, 0);
        }
        put_record(&record, w);
    }
}

static void put_counted(struct writer *w, struct bytes data)
{
    put_u8(w, (uint8_t)data.size);
    put_bytes(w, data);
}

static void put_fields(const struct mb_request *request, struct writer *w)
{
    switch ((enum mb_fc)request->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
        put_u16be(w, request->address);
        put_u16be(w, request->count);
        break;
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
        put_u16be(w, request->address);
        put_u16be(w, request->value);
        break;
    case MB_READ_EXCEPTION_STATUS:
    case MB_EVENT_COUNTER:
    case MB_EVENT_LOG:
    case MB_SERVER_ID: break;
    case MB_DIAGNOSTICS:
        put_u16be(w, request->subfunction);
        put_bytes(w, request->data);
        break;
    case MB_WRITE_COILS:
    case MB_WRITE_REGS:
        put_u16be(w, request->address);
        put_u16be(w, request->count);
        put_counted(w, request->data);
        break;
    case MB_READ_FILE:
    case MB_WRITE_FILE: put_files(request, w); break;
    case MB_MASK_WRITE:
        put_u16be(w, request->address);
        put_u16be(w, request->and_mask);
        put_u16be(w, request->or_mask);
        break;
    case MB_READ_WRITE:
        put_u16be(w, request->address);
        put_u16be(w, request->count);
        put_u16be(w, request->write_address);
        put_u16be(w, request->write_count);
        put_counted(w, request->data);
        break;
    case MB_READ_FIFO: put_u16be(w, request->address); break;
    case MB_ENCAPSULATED:
        put_u8(w, MB_MEI_IDENT);
        put_u8(w, request->ident_code);
        put_u8(w, request->object_id);
        break;
    }
}

enum err mb_request_encode(const struct mb_request *request, struct writer *out)
{
    if (mb_request_check(request) != MB_EX_NONE) {
        return ERR_ARG;
    }
    struct writer w = *out;
    put_u8(&w, request->fc);
    put_fields(request, &w);
    if (w.failed) {
        return ERR_SIZE;
    }
    *out = w;
    return OK;
}

// The rest of the PDU must be exactly as long as its byte count says.
static struct bytes get_counted(struct reader *r)
{
    size_t size = get_u8(r);
    return get_bytes(r, size);
}

static enum mb_exception get_files(struct reader *r, struct mb_request *out)
{
    struct reader items = reader_of(get_counted(r));
    bool is_write = out->fc == MB_WRITE_FILE;
    while (!r->failed && reader_left(&items) > 0) {
        if (out->record_count == MB_RECORDS_MAX) {
            return MB_EX_VALUE;
        }
        struct mb_record *record = &out->records[out->record_count++];
        uint8_t reference = get_u8(&items);
        record->file = get_u16be(&items);
        record->number = get_u16be(&items);
        record->count = get_u16be(&items);
        if (is_write) {
            record->data = get_bytes(&items, 2 * (size_t)record->count);
        }
        if (items.failed) {
            return MB_EX_VALUE;
        }
        if (reference != MB_FILE_REFERENCE) {
            return MB_EX_ADDRESS;
        }
    }
    return MB_EX_NONE;
}

static enum mb_exception get_fields(struct reader *r, struct mb_request *out)
{
    switch ((enum mb_fc)out->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
        out->address = get_u16be(r);
        out->count = get_u16be(r);
        break;
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
        out->address = get_u16be(r);
        out->value = get_u16be(r);
        break;
    case MB_READ_EXCEPTION_STATUS:
    case MB_EVENT_COUNTER:
    case MB_EVENT_LOG:
    case MB_SERVER_ID: break;
    case MB_DIAGNOSTICS:
        out->subfunction = get_u16be(r);
        out->data = get_bytes(r, reader_left(r));
        break;
    case MB_WRITE_COILS:
    case MB_WRITE_REGS:
        out->address = get_u16be(r);
        out->count = get_u16be(r);
        out->data = get_counted(r);
        break;
    case MB_READ_FILE:
    case MB_WRITE_FILE: return get_files(r, out);
    case MB_MASK_WRITE:
        out->address = get_u16be(r);
        out->and_mask = get_u16be(r);
        out->or_mask = get_u16be(r);
        break;
    case MB_READ_WRITE:
        out->address = get_u16be(r);
        out->count = get_u16be(r);
        out->write_address = get_u16be(r);
        out->write_count = get_u16be(r);
        out->data = get_counted(r);
        break;
    case MB_READ_FIFO: out->address = get_u16be(r); break;
    case MB_ENCAPSULATED:
        if (get_u8(r) != MB_MEI_IDENT) {
            return r->failed ? MB_EX_VALUE : MB_EX_FUNCTION;
        }
        out->ident_code = get_u8(r);
        out->object_id = get_u8(r);
        break;
    default: return MB_EX_FUNCTION;
    }
    return MB_EX_NONE;
}

enum mb_exception mb_request_decode(struct bytes pdu, struct mb_request *out)
{
    struct reader r = reader_of(pdu);
    *out = (struct mb_request){.fc = get_u8(&r)};
    if (pdu.size == 0) {
        return MB_EX_FUNCTION;
    }
    enum mb_exception no = get_fields(&r, out);
    if (no == MB_EX_NONE && !reader_done(&r)) {
        no = MB_EX_VALUE; // too short or a tail: what it implies is not what came
    }
    if (no == MB_EX_NONE) {
        no = mb_request_check(out);
    }
    if (no != MB_EX_NONE) {
        *out = (struct mb_request){.fc = out->fc};
    }
    return no;
}
