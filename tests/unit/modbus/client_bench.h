// SPDX-License-Identifier: Apache-2.0
// The Modbus client in virtual time, its line played by hand.
#ifndef TESTS_CLIENT_BENCH_H
#define TESTS_CLIENT_BENCH_H

#include "modbus/client.h"

#define TIMEOUT_US UINT64_C(100000)
#define LATE_US    UINT64_C(300000)
#define QUIET_US   UINT64_C(2006)

extern struct mb_client client;
extern uint64_t now_us;
extern const struct mb_request read_two;

// One retry.
int set_up(void **state);
// Questions: two registers of the unit.
enum err ask(uint32_t tag, uint8_t unit);
enum err ask_trusted(uint32_t tag, uint8_t unit);

// The next frame for the line is to this unit; its token. As a barrier: the unit is trusted.
uint32_t send_one(uint8_t unit);
uint32_t send_barrier(uint8_t unit);
void expect_nothing_to_send(void);

// What the line tells of a frame: bytes; the end of a barrier; a good reply.
void done(uint32_t token, enum mb_line_outcome outcome, const void *reply, size_t size);
void held(uint32_t token, enum mb_line_outcome outcome);
void reply_from(uint32_t token, uint8_t unit, uint16_t first);

void expect_cancel(uint32_t token);
void expect_no_cancel(void);
struct mb_answer expect_answer(uint32_t tag, enum mb_answer_kind kind);

#endif
