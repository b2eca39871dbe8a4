// SPDX-License-Identifier: Apache-2.0
// The server: a request frame in, a reply frame out, data through a table of functions. Broadcasts
// are carried out in silence; listen-only mode, counters and the event log follow FC 8 and 12.
#ifndef MB_SERVER_H
#define MB_SERVER_H

#include "base/time.h"
#include "modbus/ident.h"
#include "modbus/rtu.h"

enum mb_table { MB_COILS, MB_DISCRETE, MB_HOLDING, MB_INPUT };

struct mb_access {
    enum mb_table table;
    uint8_t fc;
    uint16_t address;
    uint16_t count; // coils or registers, within all bounds
    bool is_check;  // only say whether it would work: neither read nor write
    uint64_t now_us;
    struct bytes data; // writes: packed bits or big-endian registers
};

// NULL = that function is answered with MB_EX_FUNCTION. Reads append exactly the packed bits or
// big-endian registers asked for. Any exception discards what was appended.
struct mb_server_ops {
    enum mb_exception (*read)(void *ctx, const struct mb_access *access, struct writer *out);
    enum mb_exception (*write)(void *ctx, const struct mb_access *access);
    enum mb_exception (*read_file)(void *ctx, const struct mb_record *record, struct writer *out);
    enum mb_exception (*write_file)(void *ctx, const struct mb_record *record);
    enum mb_exception (*read_fifo)(void *ctx, uint16_t address, struct writer *out);
    uint8_t (*status)(void *ctx); // FC 7
};

struct mb_server_config {
    uint8_t unit;   // 1 to 247
    bool is_serial; // FC 7, 8, 11, 12 and 17 exist on serial lines only
    bool any_unit;  // TCP: answer 255 and 0 too, as the device itself
    const struct mb_server_ops *ops;
    void *ctx;
    const struct mb_ident *ident; // NULL: no FC 43/14
    struct bytes server_id;       // FC 17: the id; empty: no FC 17
};

struct mb_server_stats { // the counters of FC 8 [AP 6.8.1]
    uint16_t bus_messages, bus_errors, bus_exceptions, server_messages, server_silent;
    uint16_t server_nak, server_busy, overruns;
};

struct mb_server {
    struct mb_server_config config;
    struct mb_server_stats stats;
    bool is_listening; // listen-only: silent until restarted
    uint32_t restarts; // asked for by FC 8
    uint16_t event_count;
    uint16_t diag_register;
    uint8_t delimiter;
    uint8_t log_size; // FC 12
    uint8_t log[MB_EVENTS_MAX];
    struct mb_request request; // scratch
    struct mb_reply reply;
    uint8_t data[MB_PDU_SIZE_MAX];
};

void mb_server_init(struct mb_server *server, const struct mb_server_config *config);

// Handles one request. True: out holds the PDU of the reply (its unit is frame->unit). False:
// nothing is to be sent. out needs room for MB_PDU_SIZE_MAX.
bool mb_server_handle(struct mb_server *server, uint64_t now_us, const struct mb_frame *frame,
                      struct writer *out);

// A frame that the receiver threw away, or characters lost to an overrun (FC 8 counts them).
void mb_server_bad_frame(struct mb_server *server);
void mb_server_overrun(struct mb_server *server);

#endif
