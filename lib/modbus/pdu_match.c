// SPDX-License-Identifier: Apache-2.0
#include "modbus/pdu_match.h"

static bool files_match(const struct mb_reply *reply, const struct mb_request *request)
{
    if (reply->record_count != request->record_count) {
        return false;
    }
    for (size_t i = 0; i < reply->record_count; i++) {
        const struct mb_record *got = &reply->records[i];
        const struct mb_record *asked = &request->records[i];
        bool is_same = got->count == asked->count;
        if (reply->fc == MB_WRITE_FILE) {
            is_same = is_same && got->file == asked->file && got->number == asked->number &&
                      bytes_equal(got->data, asked->data);
        }
        if (!is_same) {
            return false;
        }
    }
    return true;
}

static bool ident_matches(const struct mb_reply *reply, const struct mb_request *request)
{
    if (reply->ident_code != request->ident_code) {
        return false;
    }
    if (request->ident_code != MB_IDENT_ONE) {
        return true;
    }
    struct reader r = reader_of(reply->data);
    struct mb_object object;
    return reply->object_count == 1 && mb_ident_object(&r, &object) &&
           object.id == request->object_id;
}

static bool diagnostics_match(const struct mb_reply *reply, const struct mb_request *request)
{
    if (reply->subfunction != request->subfunction) {
        return false;
    }
    switch (request->subfunction) {
    case MB_DIAG_ECHO:
    case MB_DIAG_RESTART:
    case MB_DIAG_DELIMITER:
    case MB_DIAG_CLEAR:
    case MB_DIAG_CLEAR_OVERRUN: return bytes_equal(reply->data, request->data);
    default: return reply->data.size == 2 && request->subfunction != MB_DIAG_LISTEN_ONLY;
    }
}

bool mb_reply_matches(const struct mb_reply *reply, const struct mb_request *request)
{
    if (reply->fc != request->fc) {
        return false;
    }
    if (reply->exception != MB_EX_NONE) {
        return true;
    }
    switch (reply->fc) {
    case MB_READ_COILS:
    case MB_READ_DISCRETE: return reply->data.size == ((size_t)request->count + 7) / 8;
    case MB_READ_HOLDING:
    case MB_READ_INPUT:
    case MB_READ_WRITE: return reply->data.size == 2 * (size_t)request->count;
    case MB_WRITE_COIL:
    case MB_WRITE_REG: return reply->address == request->address && reply->value == request->value;
    case MB_DIAGNOSTICS: return diagnostics_match(reply, request);
    case MB_WRITE_COILS:
    case MB_WRITE_REGS: return reply->address == request->address && reply->count == request->count;
    case MB_READ_FILE:
    case MB_WRITE_FILE: return files_match(reply, request);
    case MB_MASK_WRITE:
        return reply->address == request->address && reply->and_mask == request->and_mask &&
               reply->or_mask == request->or_mask;
    case MB_ENCAPSULATED: return ident_matches(reply, request);
    default: // FC 7, 11, 12, 17, 24: nothing of the request comes back
        return true;
    }
}
