// SPDX-License-Identifier: Apache-2.0
#include "modbus/server_data.h"

#include "base/assert.h"

#include <string.h>

enum { // bytes of the event log [AP 6.10]
    EVENT_RESTART = 0x00,
    EVENT_LISTENING = 0x04, // entered listen-only
    EVENT_SENT = 0x40,
    EVENT_RECEIVED = 0x80,
    RECEIVED_ERROR = 0x02,
    RECEIVED_OVERRUN = 0x10,
    RECEIVED_BROADCAST = 0x40,
    SENT_READ_EXCEPTION = 0x01, // exceptions 1 to 3
    SENT_ABORT = 0x02,          // 4
    SENT_BUSY = 0x04,           // 5, 6
    IS_LISTENING = 0x20,        // in either
};

void mb_server_init(struct mb_server *server, const struct mb_server_config *config)
{
    ASSERT(config->ops != NULL && config->unit >= MB_UNIT_MIN && config->unit <= MB_UNIT_MAX);
    ASSERT(config->server_id.size < MB_SERVER_ID_MAX);
    memset(server, 0, sizeof(*server));
    server->config = *config;
}

static void add_event(struct mb_server *server, unsigned event)
{
    size_t keep = server->log_size < MB_EVENTS_MAX ? server->log_size : MB_EVENTS_MAX - 1;
    memmove(server->log + 1, server->log, keep);
    server->log[0] = (uint8_t)event;
    server->log_size = (uint8_t)(keep + 1);
}

static unsigned listening_bit(const struct mb_server *server)
{
    return server->is_listening ? IS_LISTENING : 0;
}

void mb_server_bad_frame(struct mb_server *server)
{
    server->stats.bus_errors++;
    add_event(server, EVENT_RECEIVED | RECEIVED_ERROR | listening_bit(server));
}

void mb_server_overrun(struct mb_server *server)
{
    server->stats.overruns++;
    add_event(server, EVENT_RECEIVED | RECEIVED_OVERRUN | listening_bit(server));
}

static void restart(struct mb_server *server)
{
    if (mb_reg(server->request.data, 0) == 0xff00) {
        server->log_size = 0;
    }
    memset(&server->stats, 0, sizeof(server->stats));
    server->event_count = 0;
    server->is_listening = false;
    server->restarts++;
    add_event(server, EVENT_RESTART);
}

static uint16_t counter(const struct mb_server *server, uint16_t subfunction)
{
    const struct mb_server_stats *stats = &server->stats;
    switch (subfunction) {
    case MB_DIAG_REGISTER: return server->diag_register;
    case MB_DIAG_BUS_MESSAGES: return stats->bus_messages;
    case MB_DIAG_BUS_ERRORS: return stats->bus_errors;
    case MB_DIAG_BUS_EXCEPTIONS: return stats->bus_exceptions;
    case MB_DIAG_SERVER_MESSAGES: return stats->server_messages;
    case MB_DIAG_SERVER_SILENT: return stats->server_silent;
    case MB_DIAG_SERVER_NAK: return stats->server_nak;
    case MB_DIAG_SERVER_BUSY: return stats->server_busy;
    default: return stats->overruns;
    }
}

static void diagnose(struct mb_server *server)
{
    const struct mb_request *request = &server->request;
    struct mb_reply *reply = &server->reply;
    reply->subfunction = request->subfunction;
    reply->data = request->data;
    switch (request->subfunction) {
    case MB_DIAG_ECHO: break;
    case MB_DIAG_RESTART: restart(server); break;
    case MB_DIAG_DELIMITER: server->delimiter = (uint8_t)(mb_reg(request->data, 0) >> 8); break;
    case MB_DIAG_LISTEN_ONLY:
        server->is_listening = true;
        add_event(server, EVENT_LISTENING);
        break;
    case MB_DIAG_CLEAR:
        memset(&server->stats, 0, sizeof(server->stats));
        server->diag_register = 0;
        break;
    case MB_DIAG_CLEAR_OVERRUN: server->stats.overruns = 0; break;
    default: {
        struct writer w = writer_of(server->data, sizeof(server->data));
        put_u16be(&w, counter(server, request->subfunction));
        reply->data = writer_bytes(&w);
        break;
    }
    }
}

// FC 7, 8, 11, 12, 17: [AP] knows them on serial lines only.
static enum mb_exception serve_serial(struct mb_server *server)
{
    struct mb_reply *reply = &server->reply;
    const struct mb_server_config *config = &server->config;
    switch (server->request.fc) {
    case MB_READ_EXCEPTION_STATUS:
        if (config->ops->status == NULL) {
            return MB_EX_FUNCTION;
        }
        reply->status = config->ops->status(config->ctx);
        return MB_EX_NONE;
    case MB_DIAGNOSTICS: diagnose(server); return MB_EX_NONE;
    case MB_EVENT_COUNTER: reply->event_count = server->event_count; return MB_EX_NONE;
    case MB_EVENT_LOG:
        reply->event_count = server->event_count;
        reply->message_count = server->stats.bus_messages;
        reply->data = bytes_of(server->log, server->log_size);
        return MB_EX_NONE;
    default: {
        if (config->server_id.size == 0) {
            return MB_EX_FUNCTION;
        }
        struct writer w = writer_of(server->data, sizeof(server->data));
        put_bytes(&w, config->server_id);
        put_u8(&w, 0xff); // running
        reply->data = writer_bytes(&w);
        return MB_EX_NONE;
    }
    }
}

static enum mb_exception serve(struct mb_server *server, uint64_t now_us)
{
    switch (server->request.fc) {
    case MB_READ_EXCEPTION_STATUS:
    case MB_DIAGNOSTICS:
    case MB_EVENT_COUNTER:
    case MB_EVENT_LOG:
    case MB_SERVER_ID: return server->config.is_serial ? serve_serial(server) : MB_EX_FUNCTION;
    case MB_ENCAPSULATED: {
        if (server->config.ident == NULL) {
            return MB_EX_FUNCTION;
        }
        struct writer w = writer_of(server->data, sizeof(server->data));
        return mb_ident_answer(server->config.ident, &server->request, &w, &server->reply);
    }
    default: return mb_server_serve_data(server, now_us);
    }
}

static void count_reply(struct mb_server *server, enum mb_exception no)
{
    unsigned event = EVENT_SENT | listening_bit(server);
    if (no == MB_EX_NONE) {
        if (server->request.fc != MB_EVENT_COUNTER) {
            server->event_count++;
        }
    } else {
        server->stats.bus_exceptions++;
        if (no == MB_EX_BUSY) {
            server->stats.server_busy++;
        }
        bool is_busy = no == MB_EX_ACKNOWLEDGE || no == MB_EX_BUSY;
        event |= is_busy ? SENT_BUSY : no == MB_EX_FAILURE ? SENT_ABORT : SENT_READ_EXCEPTION;
    }
    add_event(server, event);
}

static bool is_for_us(const struct mb_server *server, uint8_t unit)
{
    if (unit == server->config.unit || unit == MB_UNIT_BROADCAST) {
        return true;
    }
    return server->config.any_unit && unit == MB_UNIT_TCP;
}

// The request of FC 8 that a listening server still obeys.
static bool is_restart(const struct mb_request *request)
{
    return request->fc == MB_DIAGNOSTICS && request->subfunction == MB_DIAG_RESTART;
}

bool mb_server_handle(struct mb_server *server, uint64_t now_us, const struct mb_frame *frame,
                      struct writer *out)
{
    server->stats.bus_messages++;
    if (!is_for_us(server, frame->unit) || frame->pdu.size == 0) {
        return false;
    }
    bool is_broadcast = frame->unit == MB_UNIT_BROADCAST && !server->config.any_unit;
    bool was_listening = server->is_listening;
    server->stats.server_messages++;
    add_event(server,
              EVENT_RECEIVED | (is_broadcast ? RECEIVED_BROADCAST : 0U) | listening_bit(server));

    enum mb_exception no = mb_request_decode(frame->pdu, &server->request);
    server->reply = (struct mb_reply){.fc = server->request.fc};
    if (no == MB_EX_NONE && (!was_listening || is_restart(&server->request))) {
        no = serve(server, now_us);
    }
    if (is_broadcast || was_listening || server->is_listening) {
        server->stats.server_silent++;
        return false;
    }
    // A function code with the top bit set could not be told from an exception: no answer.
    if ((server->request.fc & MB_EXCEPTION_BIT) != 0) {
        server->stats.server_silent++;
        return false;
    }
    if (no != MB_EX_NONE) {
        server->reply = mb_exception_reply(server->request.fc, no);
    }
    enum err err = mb_reply_encode(&server->reply, out);
    ASSERT(err == OK);       // the bounds of requests keep replies within theirs
    count_reply(server, no); // last: FC 12 answers straight from the log
    return true;
}
