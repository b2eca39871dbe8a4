// SPDX-License-Identifier: Apache-2.0
// A request of somebody else than the schedule on a polled bus: remote reads, writes and scans. It
// is one transaction, so it delays a poll by one transaction at most; the poller (poller.h) says
// when. Its share of the bus's time is what polls wait for it: a gap of the schedule is free.
//
//   FREE --poller_ask--> WAITING --its time has come--> ASKED --answer--> FREE
#ifndef GATEWAY_FOREIGN_H
#define GATEWAY_FOREIGN_H

#include "line/frame.h"
#include "modbus/client.h"

#include <stdbool.h>

struct foreign_ask {
    uint8_t unit;              // 1 to 247, or 0: a broadcast
    struct mb_request request; // its data are copied; no records
    uint32_t reply_timeout_us; // 0: as the unit is used to, of unknown ones the bus's
};

struct foreign_answer {
    enum mb_answer_kind kind;
    uint8_t unit;
    struct mb_reply reply; // MB_ANSWER_REPLY, maybe an exception; borrowed until the next call
    enum line_outcome heard;
    uint32_t late_bytes;
    uint64_t tx_end_us, rx_first_us; // rx_first_us 0: not known to the byte
    uint64_t busy_us;                // of the bus's time
};

enum foreign_state { FOREIGN_FREE, FOREIGN_WAITING, FOREIGN_ASKED };

enum {
    FOREIGN_AGE_US = 1000000, // then it goes although more is always due
    FOREIGN_CREDIT_MIN_US = 1000000,
};

struct foreign { // private
    enum foreign_state state;
    bool is_dropped; // nobody waits for the answer
    struct foreign_ask ask;
    uint8_t data[MB_PDU_SIZE_MAX];
    uint64_t since_us;
    int64_t credit_us; // of its share of time; below 0: overdrawn
    uint64_t credit_at_us;
    uint64_t due_us; // of the first poll that it can delay, as it was handed over
    uint32_t share_percent;
};

#endif
