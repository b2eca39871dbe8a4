// SPDX-License-Identifier: Apache-2.0
// The methods read and write: one request to a unit, and for a write its guards, its reading back
// and its event.
#include "apps/gateway/methods/methods_internal.h"

#include "apps/gateway/config/profile_words.h"
#include "base/assert.h"

#include <stdio.h>
#include <string.h>

enum { READ_TRIES = 2 };

static const uint8_t READS[TABLE_COUNT] = {MB_READ_COILS, MB_READ_DISCRETE, MB_READ_INPUT,
                                           MB_READ_HOLDING};

static uint32_t size_max(const struct method_value *value)
{
    return value->is_bit ? MB_READ_BITS_MAX : MB_READ_REGS_MAX;
}

void call_read(struct methods *m, struct method_call *call)
{
    const struct args_read *args = &call->args.read;
    if (!call_bus(m, call, args->bus)) {
        return;
    }
    const char *problem = method_value_of(args->table, args->type, args->order, &call->value);
    uint32_t size = args->count * call->value.reg_count;
    if (problem != NULL) {
        call_fail(m, call, STATUS_ARGUMENTS, "%s", problem);
    } else if (size > size_max(&call->value)) {
        call_fail(m, call, STATUS_ARGUMENTS, "count: %u values are %u %s; one request reads %u",
                  args->count, size, call->value.is_bit ? "bits" : "registers",
                  size_max(&call->value));
    } else if (args->address + size > MB_ADDRESSES) {
        call_fail(m, call, STATUS_ARGUMENTS,
                  "address: %u values from %u on pass the last address, 65535", args->count,
                  args->address);
    } else {
        call->state = CALL_WAITING;
    }
}

// Packed as the wire has it. False: a value is none of the rule's type.
static bool encode_values(const struct args_write *args, const struct method_value *value,
                          struct writer *out, size_t *wrong)
{
    uint8_t byte = 0;
    for (size_t i = 0; i < args->value_count; i++) {
        uint8_t scratch[8];
        struct writer one = writer_of(scratch, sizeof(scratch));
        *wrong = i;
        if (!method_value_encode(value, args->values[i], &one)) {
            return false;
        }
        if (!value->is_bit) {
            put_bytes(out, writer_bytes(&one));
            continue;
        }
        byte |= (uint8_t)(scratch[0] << (i % 8));
        if (i % 8 == 7 || i + 1 == args->value_count) {
            put_u8(out, byte);
            byte = 0;
        }
    }
    return !out->failed;
}

static void put_rule(struct method_call *call)
{
    char words[32];
    if (call->grant.rule != NULL) {
        snprintf(words, sizeof(words), "methods.write[%zu]", call->grant.rule_index);
        json_put_key_string(&call->body, "rule", words);
    }
}

static void note_write(struct methods *m, const struct method_call *call, const char *outcome)
{
    const struct args_write *args = &call->args.write;
    char text[METHODS_NOTE_SIZE + 1];
    int size =
        snprintf(text, sizeof(text),
                 "remote write: bus %.40s unit %u %s %u:", m->cfg.config->buses[call->bus].name,
                 args->unit, WRITE_TABLE_WORDS[args->table], args->address);
    for (size_t i = 0; i < args->value_count && size < METHODS_NOTE_SIZE - 80; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, " %.9g", args->values[i]);
    }
    snprintf(text + size, sizeof(text) - (size_t)size, "%s %s",
             size >= METHODS_NOTE_SIZE - 80 ? " ..." : "", outcome);
    methods_note(m, text);
}

void call_write(struct methods *m, struct method_call *call)
{
    const struct args_write *args = &call->args.write;
    if (!call_bus(m, call, args->bus)) {
        return;
    }
    const struct write_wish wish = {.bus = m->cfg.config->buses[call->bus].name,
                                    .unit = args->unit,
                                    .table = method_table_of_write(args->table),
                                    .address = args->address,
                                    .values = args->values,
                                    .count = args->value_count};
    bool may = write_policy_judge(&m->cfg.config->methods, &wish, &call->grant);
    put_rule(call);
    if (!may) {
        call_fail(m, call, STATUS_REFUSED, "%s", call->grant.reason);
        return;
    }
    size_t wrong = 0;
    struct writer out = writer_of(m->scratch, sizeof(m->scratch));
    call->value = call->grant.value;
    uint32_t size = (uint32_t)args->value_count * call->value.reg_count;
    if (!call->value.is_bit && size > MB_WRITE_REGS_MAX) {
        call_fail(m, call, STATUS_ARGUMENTS, "values: %u registers; one request writes up to %d",
                  size, MB_WRITE_REGS_MAX);
    } else if (!encode_values(args, &call->value, &out, &wrong)) {
        call_fail(m, call, STATUS_ARGUMENTS, "values[%zu]: %.15g is no %s", wrong,
                  args->values[wrong],
                  call->value.is_bit ? "bit: 0 or 1" : VALUE_TYPE_WORDS[call->grant.rule->type]);
    } else if (args->is_dry) {
        json_put_key_bool(&call->body, "allowed", true);
        call_done(m, call, STATUS_OK);
    } else {
        call->state = CALL_WAITING;
    }
}

static struct mb_request write_request(struct methods *m, const struct method_call *call)
{
    const struct args_write *args = &call->args.write;
    struct mb_request request = {.address = (uint16_t)args->address};
    struct writer out = writer_of(m->scratch, sizeof(m->scratch));
    size_t wrong;
    bool is_good = encode_values(args, &call->value, &out, &wrong);
    ASSERT(is_good); // call_write() tried it
    struct bytes data = writer_bytes(&out);
    uint32_t count = (uint32_t)args->value_count * call->value.reg_count;
    if (count == 1) {
        request.fc = call->value.is_bit ? MB_WRITE_COIL : MB_WRITE_REG;
        request.value = call->value.is_bit ? (data.data[0] != 0 ? MB_COIL_ON : 0) : mb_reg(data, 0);
        return request;
    }
    request.fc = call->value.is_bit ? MB_WRITE_COILS : MB_WRITE_REGS;
    request.count = (uint16_t)count;
    request.data = data;
    return request;
}

void call_ask(struct methods *m, const struct method_call *call, struct foreign_ask *out)
{
    if (call->id == METHOD_READ) {
        const struct args_read *args = &call->args.read;
        *out = (struct foreign_ask){
            .unit = (uint8_t)args->unit,
            .request = {.fc = READS[args->table],
                        .address = (uint16_t)args->address,
                        .count = (uint16_t)(args->count * call->value.reg_count)},
            .reply_timeout_us = args->timeout_ms * 1000};
        return;
    }
    const struct args_write *args = &call->args.write;
    *out = (struct foreign_ask){.unit = (uint8_t)args->unit};
    if (!call->is_written) {
        out->request = write_request(m, call);
        return;
    }
    out->request =
        (struct mb_request){.fc = READS[method_table_of_write(args->table)],
                            .address = (uint16_t)args->address,
                            .count = (uint16_t)(args->value_count * call->value.reg_count)};
}

static void put_values(struct method_call *call, struct bytes data, size_t count)
{
    json_put_key(&call->body, "values");
    json_begin_array(&call->body);
    for (size_t i = 0; i < count; i++) {
        method_value_put(&call->value, data, i, &call->body);
    }
    json_end_array(&call->body);
}

// What stands between the call and a good answer; false: nothing.
static bool fail_unit(struct methods *m, struct method_call *call,
                      const struct foreign_answer *answer, const char *prefix)
{
    switch (answer->kind) {
    case MB_ANSWER_REPLY:
        if (answer->reply.exception == MB_EX_NONE) {
            return false;
        }
        json_put_key_u64(&call->body, "exception", answer->reply.exception);
        call_fail(m, call, STATUS_UNIT, "%sthe unit refuses: %s", prefix,
                  mb_exception_name(answer->reply.exception));
        return true;
    case MB_ANSWER_SENT: return false;
    case MB_ANSWER_TIMEOUT:
        call_fail(m, call, STATUS_TIMEOUT, "%sthe unit does not answer", prefix);
        return true;
    case MB_ANSWER_BUSY:
        call_fail(m, call, STATUS_TIMEOUT, "%sthe line was never quiet: nothing was sent", prefix);
        return true;
    case MB_ANSWER_LOST:
        call_fail(m, call, STATUS_NO_BUS, "%sthe port went away", prefix);
        return true;
    case MB_ANSWER_BAD:
    case MB_ANSWER_WITHDRAWN: break;
    }
    call_fail(m, call, STATUS_UNIT, "%swhat came is no answer (%s)", prefix,
              line_outcome_name(answer->heard));
    return true;
}

// Worth another try, once.
static bool is_unheard(const struct foreign_answer *answer)
{
    return answer->kind == MB_ANSWER_TIMEOUT || answer->kind == MB_ANSWER_BAD ||
           answer->kind == MB_ANSWER_BUSY;
}

static void answer_read(struct methods *m, struct method_call *call,
                        const struct foreign_answer *answer)
{
    if (is_unheard(answer) && ++call->tries < READ_TRIES) {
        call->state = CALL_WAITING;
        return;
    }
    if (fail_unit(m, call, answer, "")) {
        return;
    }
    put_values(call, answer->reply.data, call->args.read.count);
    call_done(m, call, STATUS_OK);
}

static bool is_same(struct methods *m, const struct method_call *call, struct bytes back)
{
    struct writer out = writer_of(m->scratch, sizeof(m->scratch));
    size_t wrong;
    bool is_good = encode_values(&call->args.write, &call->value, &out, &wrong);
    return is_good && bytes_equal(writer_bytes(&out), back);
}

// The reading back decides, also if the unit's own word did not come through.
static void answer_back(struct methods *m, struct method_call *call,
                        const struct foreign_answer *answer)
{
    if (answer->kind != MB_ANSWER_REPLY || answer->reply.exception != MB_EX_NONE) {
        if (is_unheard(answer) && ++call->tries < READ_TRIES) {
            call->state = CALL_WAITING;
            return;
        }
        note_write(m, call, call->is_sure ? "done, cannot be read back" : "no answer: unknown");
        json_put_key_bool(&call->body, "verified", false);
        (void)fail_unit(m, call, answer,
                        call->is_sure ? "written, but it cannot be read back: "
                                      : "it is not known whether it was written: ");
        return;
    }
    bool is_good = is_same(m, call, answer->reply.data);
    put_values(call, answer->reply.data, call->args.write.value_count);
    json_put_key_bool(&call->body, "verified", is_good);
    note_write(m, call, is_good ? "done, verified" : "the unit holds another value");
    if (is_good) {
        call_done(m, call, STATUS_OK);
    } else {
        call_fail(m, call, STATUS_UNIT, "the unit holds other values than those written");
    }
}

static void answer_write(struct methods *m, struct method_call *call,
                         const struct foreign_answer *answer)
{
    bool is_refused = answer->kind == MB_ANSWER_REPLY && answer->reply.exception != MB_EX_NONE;
    call->is_sure = answer->kind == MB_ANSWER_REPLY && !is_refused;
    bool is_unknown = answer->kind == MB_ANSWER_TIMEOUT || answer->kind == MB_ANSWER_BAD;
    if (call->grant.rule->is_verified && (call->is_sure || is_unknown)) {
        call->is_written = true;
        call->state = CALL_WAITING;
        return;
    }
    if (call->is_sure) {
        note_write(m, call, "done");
        json_put_key_bool(&call->body, "verified", false);
        call_done(m, call, STATUS_OK);
        return;
    }
    bool is_unsent = answer->kind == MB_ANSWER_BUSY;
    note_write(m, call,
               is_refused  ? "refused by the unit"
               : is_unsent ? "not sent: the line was never quiet"
                           : "no answer: unknown");
    bool is_certain = is_refused || is_unsent;
    (void)fail_unit(m, call, answer, is_certain ? "" : "it is not known whether it was written: ");
}

void call_answer(struct methods *m, struct method_call *call, const struct foreign_answer *answer)
{
    if (call->id == METHOD_READ) {
        answer_read(m, call, answer);
    } else if (call->is_written) {
        answer_back(m, call, answer);
    } else {
        answer_write(m, call, answer);
    }
}

void call_abandon(struct methods *m, struct method_call *call, uint32_t status)
{
    const char *why = status == STATUS_NO_BUS ? "the bus has no port now"
                      : call->state == CALL_WAITING
                          ? "its turn on the bus did not come within the time limit"
                          : "the time limit is over";
    bool may_be_out = call->state == CALL_ASKED && status != STATUS_NO_BUS;
    if (call->id == METHOD_WRITE && (call->is_written || may_be_out)) {
        note_write(m, call, call->is_sure ? "done, not read back in time" : "out of time: unknown");
    }
    call_fail(m, call, status, "%s", why);
}
