// SPDX-License-Identifier: Apache-2.0
#include "apps/cli/asker.h"

#include "apps/gateway/config/config_check.h"
#include "apps/gateway/open_bus_linux.h"
#include "base/assert.h"
#include "port/api/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

bool cli_next_event(struct bus *bus, uint64_t deadline_us, struct bus_event *event)
{
    while (!bus_next(bus, event)) {
        const uint64_t now_us = port_now_us();
        if (now_us >= deadline_us) {
            return false;
        }
        const uint64_t left_ms = (deadline_us - now_us + US_PER_MS - 1) / US_PER_MS;
        struct pollfd wait = {.fd = bus_fd(bus), .events = POLLIN};
        // A signal or an early end only makes another round.
        (void)poll(&wait, 1,
                   deadline_us == TIME_NEVER ? -1 : (int)(left_ms < 60000 ? left_ms : 60000));
    }
    return true;
}

bool cli_is_wire(const struct line_options *options)
{
    return strncmp(options->port, "tty:", 4) == 0 || strncmp(options->port, "rt:", 3) == 0;
}

bool cli_open_bus(const char *program, const struct line_options *options,
                  const struct line_wiring *wiring, struct bus **out)
{
    uint8_t memory[600];
    struct arena arena = arena_of(memory, sizeof(memory));
    struct config_bus cfg = {.name = "line",
                             .port = options->port,
                             .baud = (uint32_t)options->baud,
                             .format = options->format,
                             .reply_timeout_ms = (uint32_t)options->timeout_ms,
                             .guard_bits = wiring->guard_bits,
                             .has_echo = wiring->has_echo,
                             .is_sniffed = wiring->is_sniffed};
    struct serial_cfg serial;
    *out = NULL;
    if (!config_port(&arena, &cfg) || cfg.host == NULL) {
        fprintf(stderr, "%s: --port: \"%.80s\" is no port; expected " CONFIG_PORTS "\n", program,
                options->port);
        return false;
    }
    if (serial_format(options->format, &serial) != OK) {
        fprintf(stderr, "%s: --format: \"%.20s\" is none of 8N1, 8E1, 8O1, 8N2\n", program,
                options->format);
        return false;
    }
    const enum err err = open_bus(&cfg, out);
    struct bus_event event = {.kind = BUS_DOWN, .detail = "cannot be opened"};
    // Each way of opening has its own limit and then tells that the bus is down.
    if (err == OK && cli_next_event(*out, TIME_NEVER, &event) && event.kind == BUS_UP) {
        if (event.detail[0] != '\0') {
            fprintf(stderr, "%s: %s: %s\n", program, options->port, event.detail);
        }
        return true;
    }
    fprintf(stderr, "%s: %s: %s\n", program, options->port,
            err == OK ? event.detail : err_name(err));
    bus_close(*out);
    *out = NULL;
    return false;
}

bool asker_open(struct asker *asker, const char *program, const struct line_options *options,
                uint32_t late_ms)
{
    const struct line_wiring wiring = {.guard_bits = CONFIG_GUARD_BITS};
    const struct mb_client_config client = {
        .reply_timeout_us = (uint32_t)(options->timeout_ms * US_PER_MS),
        .late_us = (uint32_t)(late_ms * US_PER_MS),
        .retry_max = (uint8_t)options->retries,
    };
    *asker = (struct asker){.program = program, .options = *options};
    mb_client_init(&asker->client, &client);
    return cli_open_bus(program, options, &wiring, &asker->bus);
}

void asker_close(struct asker *asker)
{
    bus_close(asker->bus);
    asker->bus = NULL;
}

static void send_due(struct asker *asker)
{
    struct mb_client_send due;
    while (mb_client_send(&asker->client, port_now_us(), &due)) {
        struct line_send send = {
            .token = due.token,
            .broadcast = due.is_broadcast,
            .reply_timeout_us = due.reply_timeout_us,
            .turnaround_us = due.turnaround_us,
            .reply_size = (uint16_t)due.reply_size,
            .alt_size = MB_EXCEPTION_SIZE,
            .alt_index = 1,
            .alt_mask = MB_EXCEPTION_BIT,
            .frame_size = (uint16_t)due.frame.size,
        };
        memcpy(send.frame, due.frame.data, due.frame.size);
        const enum err err = bus_send(asker->bus, &send);
        ASSERT(err == OK); // one frame is under way at a time
    }
}

enum mb_answer_kind asker_ask(struct asker *asker, uint8_t unit, const struct mb_request *request)
{
    const struct mb_ask ask = {.unit = unit, .request = request};
    const enum err err = mb_client_ask(&asker->client, &ask);
    ASSERT(err == OK); // the commands check their bounds
    for (;;) {
        struct bus_event event;
        send_due(asker);
        if (!cli_next_event(asker->bus, mb_client_deadline_us(&asker->client), &event) ||
            event.kind != BUS_DONE) {
            continue;
        }
        const struct mb_line_done done = {
            .token = event.done.token,
            .outcome = poll_outcome(event.done.outcome),
            .at_us = port_now_us(),
            .reply = bytes_of(event.done.reply, event.done.reply_size),
        };
        struct mb_answer answer;
        mb_client_done(&asker->client, &done);
        if (mb_client_answer(&asker->client, &answer)) {
            asker->reply = answer.reply;
            asker->failure = answer.kind == MB_ANSWER_REPLY || answer.kind == MB_ANSWER_SENT
                                 ? POLL_OK
                                 : poll_failure_of(&answer, event.done.outcome, done.reply);
            return answer.kind;
        }
    }
}

static const char *advice_of(uint8_t exception)
{
    switch (exception) {
    case MB_EX_FUNCTION:
        return "the unit does not know this function; try another table or, to write, --many";
    case MB_EX_ADDRESS: return "the unit has nothing at (some of) these addresses";
    case MB_EX_VALUE: return "the unit does not accept this value or count";
    case MB_EX_FAILURE: return "something failed in the unit";
    case MB_EX_ACKNOWLEDGE:
    case MB_EX_BUSY: return "the unit is busy; try again later";
    case MB_EX_PATH:
    case MB_EX_TARGET: return "a gateway on the way cannot reach the unit";
    default: return "see the unit's manual";
    }
}

bool asker_do(struct asker *asker, uint8_t unit, const struct mb_request *request)
{
    const unsigned tries = (unsigned)asker->options.retries + 1;
    fflush(stdout);
    switch (asker_ask(asker, unit, request)) {
    case MB_ANSWER_TIMEOUT:
        fprintf(stderr,
                "%s: unit %u does not answer (%u %s, %u ms each): is it on, is this its address, "
                "are speed, format and wiring right?\n",
                asker->program, unit, tries, tries == 1 ? "try" : "tries",
                (unsigned)asker->options.timeout_ms);
        return false;
    case MB_ANSWER_BAD:
        fprintf(stderr, "%s: unit %u: what came is no answer (%s): %s\n", asker->program, unit,
                poll_failure_name(asker->failure), poll_failure_hint(asker->failure));
        return false;
    case MB_ANSWER_BUSY:
        fprintf(stderr, "%s: unit %u: %s\n", asker->program, unit, poll_failure_hint(POLL_BUSY));
        return false;
    case MB_ANSWER_WITHDRAWN: // never: nothing is cancelled here
    case MB_ANSWER_LOST:
        fprintf(stderr, "%s: %s: the port went away\n", asker->program, asker->options.port);
        return false;
    case MB_ANSWER_SENT:
    case MB_ANSWER_REPLY: break;
    }
    if (asker->reply.exception != MB_EX_NONE) {
        fprintf(stderr, "%s: unit %u refuses to %s: %s (exception %u): %s\n", asker->program, unit,
                mb_fc_name(request->fc), mb_exception_name(asker->reply.exception),
                asker->reply.exception, advice_of(asker->reply.exception));
        return false;
    }
    return true;
}
