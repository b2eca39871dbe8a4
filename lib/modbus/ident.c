// SPDX-License-Identifier: Apache-2.0
#include "modbus/ident.h"

#define HEADER_SIZE 7 // function to object count
#define ROOM        (MB_PDU_SIZE_MAX - HEADER_SIZE)

// The last id of a category's stream: basic, regular, extended.
static uint8_t last_of(uint8_t code)
{
    return code == MB_IDENT_BASIC ? 2 : code == MB_IDENT_REGULAR ? 0x7f : 0xff;
}

// What the device offers, with bit 7 for single access.
static uint8_t conformity_of(const struct mb_ident *ident)
{
    uint8_t last = ident->count > 0 ? ident->objects[ident->count - 1].id : 0;
    uint8_t level = last >= MB_OBJECT_PRIVATE ? 3 : last > MB_OBJECT_REVISION ? 2 : 1;
    return 0x80 | level;
}

static const struct mb_object *find(const struct mb_ident *ident, uint8_t id)
{
    for (size_t i = 0; i < ident->count; i++) {
        if (ident->objects[i].id == id) {
            return &ident->objects[i];
        }
    }
    return NULL;
}

static void put_object(const struct mb_object *object, struct writer *w, struct mb_reply *reply)
{
    put_u8(w, object->id);
    put_u8(w, (uint8_t)object->value.size);
    put_bytes(w, object->value);
    reply->object_count++;
}

static void put_stream(const struct mb_ident *ident, const struct mb_request *request,
                       struct writer *w, struct mb_reply *reply)
{
    uint8_t last = last_of(request->ident_code);
    // An id that is not in the category starts again at the first [AP 6.21].
    uint8_t first = request->object_id <= last && find(ident, request->object_id) != NULL
                        ? request->object_id
                        : 0;
    size_t start = w->size;
    for (size_t i = 0; i < ident->count && ident->objects[i].id <= last; i++) {
        const struct mb_object *object = &ident->objects[i];
        if (object->id < first) {
            continue;
        }
        if (w->size - start + 2 + object->value.size > ROOM) {
            reply->more_follows = true;
            reply->next_object = object->id;
            return;
        }
        put_object(object, w, reply);
    }
}

enum mb_exception mb_ident_answer(const struct mb_ident *ident, const struct mb_request *request,
                                  struct writer *scratch, struct mb_reply *reply)
{
    *reply = (struct mb_reply){
        .fc = MB_ENCAPSULATED,
        .ident_code = request->ident_code,
        .conformity = conformity_of(ident),
    };
    size_t start = scratch->size;
    if (request->ident_code == MB_IDENT_ONE) {
        const struct mb_object *object = find(ident, request->object_id);
        if (object == NULL) {
            return MB_EX_ADDRESS;
        }
        put_object(object, scratch, reply);
    } else {
        put_stream(ident, request, scratch, reply);
    }
    if (scratch->failed || reply->object_count == 0) {
        return MB_EX_FAILURE;
    }
    reply->data = bytes_of(scratch->data + start, scratch->size - start);
    return MB_EX_NONE;
}
