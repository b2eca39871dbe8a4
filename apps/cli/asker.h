// SPDX-License-Identifier: Apache-2.0
// One question at a time to the units of a bus, for commands that run once and for people.
#ifndef CLI_ASKER_H
#define CLI_ASKER_H

#include "apps/gateway/poll/outcome.h"
#include "modbus/client.h"
#include "port/linux/bus.h"
#include "port/linux/options.h"

// What every command that touches a bus is told. `line` is the first member of its options.
struct line_options {
    const char *port;
    const char *format;
    uint64_t baud, timeout_ms, retries;
};

// The entries of a table of options for it.
// clang-format off
#define LINE_OPTIONS(timeout_text, retries_text)                                                   \
    PORT_OPTIONS,                                                                                  \
    {"timeout-ms", OPTION_UINT, offsetof(struct line_options, timeout_ms), 10, 60000,              \
     (timeout_text), "how long to wait for a reply"},                                              \
    {"retries", OPTION_UINT, offsetof(struct line_options, retries), 0, 10, (retries_text),        \
     "tries after the first"}
// The same for one that never asks.
#define PORT_OPTIONS                                                                               \
    {"port", OPTION_TEXT, offsetof(struct line_options, port), 1, 0, NULL,                         \
     "tty:/dev/..., rt:/path, tcp:host:port or rtu+tcp:host:port"},                                \
    {"baud", OPTION_UINT, offsetof(struct line_options, baud), 300, 4000000, "19200",              \
     "bits per second of a line"},                                                                 \
    {"format", OPTION_TEXT, offsetof(struct line_options, format), 0, 0, "8E1",                    \
     "of a line: 8N1, 8E1, 8O1 or 8N2"}
// clang-format on

// How the line is wired, where the port can be told.
struct line_wiring {
    double guard_bits; // of a real-time core
    bool has_echo;
    bool is_sniffed; // only listens
};

// Opens the port and waits until it stands. False: why not is on stderr.
bool cli_open_bus(const char *program, const struct line_options *options,
                  const struct line_wiring *wiring, struct bus **out);
// A line of wires, not a connection over TCP.
bool cli_is_wire(const struct line_options *options);
// The next event of the bus, or false at the deadline.
bool cli_next_event(struct bus *bus, uint64_t deadline_us, struct bus_event *event);

struct asker {
    const char *program; // in front of complaints
    struct line_options options;
    struct bus *bus;
    struct mb_client client;
    struct mb_reply reply;     // of the last question
    enum poll_failure failure; // the same: why there is none
};

// As cli_open_bus(). late_ms: how long a unit
// that did not answer is left alone before it is asked again.
bool asker_open(struct asker *asker, const char *program, const struct line_options *options,
                uint32_t late_ms);
void asker_close(struct asker *asker);

// Waits for the answer. MB_ANSWER_REPLY: reply is set, which may be an exception.
enum mb_answer_kind asker_ask(struct asker *asker, uint8_t unit, const struct mb_request *request);
// The same; false unless the unit did what it was asked, why not is on stderr.
bool asker_do(struct asker *asker, uint8_t unit, const struct mb_request *request);

#endif
