// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/log_record.h"

enum { RECORD_VERSION = 1, FLAG_RETAINED = 1, FLAG_WILL = 2 };

enum err hub_record_encode_head(const struct hub_record *record, struct writer *out)
{
    if (record->device_id.size == 0 || record->device_id.size > HUB_ID_SIZE_MAX ||
        record->module_id.size > HUB_ID_SIZE_MAX ||
        record->properties.size > HUB_PROPERTIES_SIZE_MAX ||
        record->payload.size > HUB_PAYLOAD_SIZE_MAX) {
        return ERR_SIZE;
    }
    put_u8(out, RECORD_VERSION);
    put_u64le(out, (uint64_t)record->received_utc_ms);
    put_u8(out, (uint8_t)((record->is_retained ? FLAG_RETAINED : 0) |
                          (record->is_will ? FLAG_WILL : 0)));
    put_u8(out, (uint8_t)record->device_id.size);
    put_bytes(out, record->device_id);
    put_u8(out, (uint8_t)record->module_id.size);
    put_bytes(out, record->module_id);
    put_u16le(out, (uint16_t)record->properties.size);
    put_bytes(out, record->properties);
    return out->failed ? ERR_SIZE : OK;
}

enum err hub_record_decode(struct bytes in, struct hub_record *out)
{
    struct reader r = reader_of(in);
    uint8_t version = get_u8(&r);
    if (!r.failed && version != RECORD_VERSION) {
        return ERR_UNSUPPORTED;
    }
    struct hub_record record = {.received_utc_ms = (int64_t)get_u64le(&r)};
    uint8_t flags = get_u8(&r);
    record.is_retained = (flags & FLAG_RETAINED) != 0;
    record.is_will = (flags & FLAG_WILL) != 0;
    record.device_id = get_bytes(&r, get_u8(&r));
    record.module_id = get_bytes(&r, get_u8(&r));
    record.properties = get_bytes(&r, get_u16le(&r));
    record.payload = get_bytes(&r, reader_left(&r));
    if (!reader_done(&r) || record.device_id.size == 0 || record.device_id.size > HUB_ID_SIZE_MAX ||
        record.module_id.size > HUB_ID_SIZE_MAX ||
        record.properties.size > HUB_PROPERTIES_SIZE_MAX ||
        record.payload.size > HUB_PAYLOAD_SIZE_MAX) {
        return ERR_CORRUPT;
    }
    *out = record;
    return OK;
}
