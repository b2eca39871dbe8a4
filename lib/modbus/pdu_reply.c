// SPDX-License-Identifier: Apache-2.0
// Replies: their form here, whether they answer a request in pdu_match.c.
#include "modbus/pdu_match.h"

bool mb_ident_object(struct reader *objects, struct mb_object *out)
{
    if (reader_left(objects) == 0) {
        return false;
    }
    uint8_t id = get_u8(objects);
    size_t size = get_u8(objects);
    struct bytes value = get_bytes(objects, size);
    if (objects->failed) {
        return false;
    }
    *out = (struct mb_object){.id = id, .value = value};
    return true;
}

static bool objects_are_good(const struct mb_reply *reply)
{
    struct reader r = reader_of(reply->data);
    struct mb_object object;
    size_t count = 0;
    while (mb_ident_object(&r, &object)) {
        count++;
    }
    return reader_done(&r) && count == reply->object_count && count > 0;
}

static bool records_are_good(const struct mb_reply *reply)
{
    bool is_write = reply->fc == MB_WRITE_FILE;
    size_t size = 0;
    for (size_t i = 0; i < reply->record_count && i < MB_RECORDS_MAX; i++) {
        const struct mb_record *record = &reply->records[i];
        if (record->count < 1 || record->data.size != 2 * (size_t)record->count) {
            return false;
        }
        size += (is_write ? MB_FILE_READ_ITEM : 2) + record->data.size;
    }
    return reply->record_count >= 1 && reply->record_count <= MB_RECORDS_MAX &&
           size <= (is_write ? MB_FILE_WRITE_MAX : MB_FILE_READ_MAX);
}

// The bounds of a reply by itself.
static bool reply_is_good(const struct mb_reply *reply)
{
    size_t size = reply->data.size;
    switch (reply->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE: return size >= 1 && size <= MB_READ_BITS_MAX / 8;
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_READ_WRITE: return size >= 2 && size <= 2 * MB_READ_REGS_MAX && size % 2 == 0;
    case MB_DIAGNOSTICS:
        if (reply->subfunction != MB_DIAG_ECHO) {
            return size == 2;
        }
        return size >= 2 && size <= MB_PDU_SIZE_MAX - 3 && size % 2 == 0;
    case MB_EVENT_LOG: return size <= MB_EVENTS_MAX;
    case MB_SERVER_ID: return size >= 1 && size <= MB_SERVER_ID_MAX;
    case MB_READ_FILE:
    case MB_WRITE_FILE: return records_are_good(reply);
    case MB_READ_FIFO: return reply->count <= MB_FIFO_MAX && size == 2 * (size_t)reply->count;
    case MB_ENCAPSULATED: return objects_are_good(reply);
    case MB_WRITE_COIL: return reply->value == 0 || reply->value == MB_COIL_ON;
    case MB_WRITE_REG:
    case MB_READ_EXCEPTION_STATUS:
    case MB_EVENT_COUNTER:
    case MB_WRITE_COILS:
    case MB_WRITE_REGS:
    case MB_MASK_WRITE: return true;
    default: return false;
    }
}

static void put_files(const struct mb_reply *reply, struct writer *w)
{
    bool is_write = reply->fc == MB_WRITE_FILE;
    size_t size = 0;
    for (size_t i = 0; i < reply->record_count; i++) {
        size += (is_write ? MB_FILE_READ_ITEM : 2) + reply->records[i].data.size;
    }
    put_u8(w, (uint8_t)size);
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct mb_record *record = &reply->records[i];
        if (is_write) {
            put_u8(w, MB_FILE_REFERENCE);
            put_u16be(w, record->file);
            put_u16be(w, record->number);
            put_u16be(w, record->count);
        } else {
            put_u8(w, (uint8_t)(1 + record->data.size));
            put_u8(w, MB_FILE_REFERENCE);
        }
        put_bytes(w, record->data);
    }
}

static void put_fields(const struct mb_reply *reply, struct writer *w)
{
    switch ((enum mb_fc)reply->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_READ_WRITE:
    case MB_SERVER_ID:
        put_u8(w, (uint8_t)reply->data.size);
        put_bytes(w, reply->data);
        break;
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
        put_u16be(w, reply->address);
        put_u16be(w, reply->value);
        break;
    case MB_READ_EXCEPTION_STATUS: put_u8(w, reply->status); break;
    case MB_DIAGNOSTICS:
        put_u16be(w, reply->subfunction);
        put_bytes(w, reply->data);
        break;
    case MB_EVENT_COUNTER:
        put_u16be(w, reply->status_word);
        put_u16be(w, reply->event_count);
        break;
    case MB_EVENT_LOG:
        put_u8(w, (uint8_t)(6 + reply->data.size));
        put_u16be(w, reply->status_word);
        put_u16be(w, reply->event_count);
        put_u16be(w, reply->message_count);
        put_bytes(w, reply->data);
        break;
    case MB_WRITE_COILS:
    case MB_WRITE_REGS:
        put_u16be(w, reply->address);
        put_u16be(w, reply->count);
        break;
    case MB_READ_FILE:
    case MB_WRITE_FILE: put_files(reply, w); break;
    case MB_MASK_WRITE:
        put_u16be(w, reply->address);
        put_u16be(w, reply->and_mask);
        put_u16be(w, reply->or_mask);
        break;
    case MB_READ_FIFO:
        put_u16be(w, (uint16_t)(2 + reply->data.size));
        put_u16be(w, reply->count);
        put_bytes(w, reply->data);
        break;
    case MB_ENCAPSULATED:
        put_u8(w, MB_MEI_IDENT);
        put_u8(w, reply->ident_code);
        put_u8(w, reply->conformity);
        put_u8(w, reply->more_follows ? 0xff : 0);
        put_u8(w, reply->next_object);
        put_u8(w, reply->object_count);
        put_bytes(w, reply->data);
        break;
    }
}

enum err mb_reply_encode(const struct mb_reply *reply, struct writer *out)
{
    struct writer w = *out;
    if (reply->exception != MB_EX_NONE) {
        put_u8(&w, reply->fc | MB_EXCEPTION_BIT);
        put_u8(&w, reply->exception);
    } else if (!reply_is_good(reply)) {
        return ERR_ARG;
    } else {
        put_u8(&w, reply->fc);
        put_fields(reply, &w);
    }
    if (w.failed || w.size - out->size > MB_PDU_SIZE_MAX) {
        return ERR_SIZE;
    }
    *out = w;
    return OK;
}

static bool get_files(struct reader *r, struct mb_reply *out)
{
    size_t size = get_u8(r);
    struct reader items = reader_of(get_bytes(r, size));
    while (reader_left(&items) > 0) {
        if (out->record_count == MB_RECORDS_MAX) {
            return false;
        }
        struct mb_record *record = &out->records[out->record_count++];
        uint8_t reference = 0;
        if (out->fc == MB_WRITE_FILE) {
            reference = get_u8(&items);
            record->file = get_u16be(&items);
            record->number = get_u16be(&items);
            record->count = get_u16be(&items);
            record->data = get_bytes(&items, 2 * (size_t)record->count);
        } else {
            size_t length = get_u8(&items);
            reference = get_u8(&items);
            record->data = get_bytes(&items, length > 0 ? length - 1 : 0);
            record->count = (uint16_t)(record->data.size / 2);
        }
        if (items.failed || reference != MB_FILE_REFERENCE) {
            return false;
        }
    }
    return true;
}

static bool get_ident(struct reader *r, struct mb_reply *out)
{
    uint8_t mei = get_u8(r);
    out->ident_code = get_u8(r);
    out->conformity = get_u8(r);
    uint8_t more = get_u8(r);
    out->next_object = get_u8(r);
    out->object_count = get_u8(r);
    out->data = get_bytes(r, reader_left(r));
    out->more_follows = more == 0xff;
    return mei == MB_MEI_IDENT && (more == 0 || more == 0xff);
}

static bool get_fifo(struct reader *r, struct mb_reply *out)
{
    size_t size = get_u16be(r);
    out->count = get_u16be(r);
    out->data = get_bytes(r, 2 * (size_t)out->count);
    return size == 2 + out->data.size;
}

static bool get_log(struct reader *r, struct mb_reply *out)
{
    size_t size = get_u8(r);
    out->status_word = get_u16be(r);
    out->event_count = get_u16be(r);
    out->message_count = get_u16be(r);
    out->data = get_bytes(r, size >= 6 ? size - 6 : 0);
    return size >= 6;
}

static bool get_fields(struct reader *r, struct mb_reply *out)
{
    switch (out->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE:
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_READ_WRITE:
    case MB_SERVER_ID: {
        size_t size = get_u8(r);
        out->data = get_bytes(r, size);
        return true;
    }
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
        out->address = get_u16be(r);
        out->value = get_u16be(r);
        return true;
    case MB_READ_EXCEPTION_STATUS: out->status = get_u8(r); return true;
    case MB_DIAGNOSTICS:
        out->subfunction = get_u16be(r);
        out->data = get_bytes(r, reader_left(r));
        return true;
    case MB_EVENT_COUNTER:
        out->status_word = get_u16be(r);
        out->event_count = get_u16be(r);
        return true;
    case MB_EVENT_LOG: return get_log(r, out);
    case MB_WRITE_COILS:
    case MB_WRITE_REGS:
        out->address = get_u16be(r);
        out->count = get_u16be(r);
        return true;
    case MB_READ_FILE:
    case MB_WRITE_FILE: return get_files(r, out);
    case MB_MASK_WRITE:
        out->address = get_u16be(r);
        out->and_mask = get_u16be(r);
        out->or_mask = get_u16be(r);
        return true;
    case MB_READ_FIFO: return get_fifo(r, out);
    case MB_ENCAPSULATED: return get_ident(r, out);
    default: return false;
    }
}

enum err mb_reply_decode(struct bytes pdu, const struct mb_request *request, struct mb_reply *out)
{
    struct reader r = reader_of(pdu);
    uint8_t first = get_u8(&r);
    struct mb_reply reply = {.fc = first & (uint8_t)~MB_EXCEPTION_BIT};
    bool is_good = pdu.size <= MB_PDU_SIZE_MAX;
    if ((first & MB_EXCEPTION_BIT) != 0) {
        reply.exception = get_u8(&r);
        is_good = is_good && reply.exception != MB_EX_NONE;
    } else {
        is_good = is_good && get_fields(&r, &reply) && reply_is_good(&reply);
    }
    if (!is_good || !reader_done(&r)) {
        return ERR_CORRUPT;
    }
    if (request != NULL && !mb_reply_matches(&reply, request)) {
        return ERR_ARG;
    }
    if (request != NULL && reply.fc == MB_READ_FILE) {
        for (size_t i = 0; i < reply.record_count; i++) {
            reply.records[i].file = request->records[i].file;
            reply.records[i].number = request->records[i].number;
        }
    }
    *out = reply;
    return OK;
}
