// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/mt3620/probe_rig.h"

#include <string.h>

#include "base/assert.h"

#define PATIENCE_US 2000000

const struct rig_message *probe_wait(struct rig *rig, enum probe_kind kind)
{
    const struct rig_message *message = rig_take(rig, PATIENCE_US);
    while (message != NULL && message->bytes[0] != kind) {
        message = rig_take(rig, PATIENCE_US);
    }
    return message;
}

void probe_say(struct rig *rig, enum probe_kind kind, struct bytes more)
{
    uint8_t bytes[300];
    struct writer w = writer_of(bytes, sizeof bytes);
    put_u8(&w, (uint8_t)kind);
    put_bytes(&w, more);
    enum err err = mt_send(rig->mt, writer_bytes(&w));
    ASSERT(!w.failed && err == OK);
}

bool probe_open(struct rig *rig, const char *elf, const struct mt_knobs *knobs)
{
    return rig_open(rig, rig_elf(elf), knobs) && probe_wait(rig, PROBE_STARTED) != NULL;
}

bool probe_started(struct rig *rig, struct probe_started *out)
{
    const struct rig_message *message = probe_wait(rig, PROBE_STARTED);
    if (message == NULL) {
        return false;
    }
    struct reader r = reader_of(bytes_of(message->bytes + 1, message->size - 1U));
    *out = (struct probe_started){.boot_id = get_u32le(&r)};
    out->crash.end = (enum core_end)get_u8(&r);
    out->crash.line = get_u32le(&r);
    struct bytes file = get_bytes(&r, sizeof out->crash.file);
    for (size_t i = 0; i < CORE_REGISTERS; i++) {
        out->crash.registers[i] = get_u32le(&r);
    }
    out->crash.cfsr = get_u32le(&r);
    out->crash.address = get_u32le(&r);
    out->crash.count = get_u32le(&r);
    ASSERT(reader_done(&r));
    memcpy(out->crash.file, file.data, file.size);
    return true;
}

enum err probe_setup(struct rig *rig, const struct transceiver_cfg *cfg,
                     struct transceiver_timing *timing)
{
    uint8_t bytes[16];
    struct writer w = writer_of(bytes, sizeof bytes);
    put_u32le(&w, cfg->baud);
    put_u8(&w, (uint8_t)cfg->parity);
    put_u8(&w, cfg->stop_bits);
    put_u8(&w, cfg->guard_bits8);
    put_u8(&w, cfg->de_active_low);
    put_u8(&w, cfg->hears_itself);
    probe_say(rig, PROBE_SETUP, writer_bytes(&w));
    const struct rig_message *message = probe_wait(rig, PROBE_SETUP_DONE);
    if (message == NULL) {
        return ERR_TIMEOUT;
    }
    rig->de_active_low = cfg->de_active_low;
    struct reader r = reader_of(bytes_of(message->bytes + 1, message->size - 1U));
    enum err err = (enum err)(int8_t)get_u8(&r);
    timing->baud = get_u32le(&r);
    timing->char_ns = get_u32le(&r);
    timing->char_bits = get_u8(&r);
    return err;
}

bool probe_send(struct rig *rig, struct bytes frame)
{
    probe_say(rig, PROBE_SEND, frame);
    return rig_wait_frame(rig, PATIENCE_US * 2);
}

bool probe_event(struct rig *rig, struct transceiver_event *out)
{
    const struct rig_message *message = probe_wait(rig, PROBE_EVENT);
    if (message == NULL) {
        return false;
    }
    struct reader r = reader_of(bytes_of(message->bytes + 1, message->size - 1U));
    *out = (struct transceiver_event){.kind = (enum transceiver_event_kind)get_u8(&r)};
    out->byte = get_u8(&r);
    out->flags = get_u8(&r);
    out->at_us = get_u64le(&r);
    out->end_us = get_u64le(&r);
    out->hold_ns = get_u32le(&r);
    return reader_done(&r);
}
