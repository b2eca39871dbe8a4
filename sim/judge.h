// SPDX-License-Identifier: Apache-2.0
// Judges the client of a line: silence before each request, collisions, how much of the time the
// line did what it must.
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define JUDGE_GAPS_MAX  65536 // gaps kept for percentiles; later ones replace random earlier ones
#define JUDGE_FRAME_MAX 257

// Private but for the counts.
struct judge {
    uint32_t t3_5_us;
    uint64_t requests;
    uint64_t replies;
    uint64_t violations; // requests less than t3.5 after the last thing on the wire
    uint64_t collisions; // requests while the wire was busy; violations too
    uint64_t first_us;   // start of the first request
    uint64_t last_us;    // end of the last thing on the wire
    uint64_t request_us; // start of the current request
    uint64_t minimal_us; // sum over transactions: request, device, reply, t3.5
    uint64_t closed_us;  // end of the last thing counted in minimal_us
    bool asking;         // the request has no reply yet
    size_t frame_size;   // of it so far
    uint8_t frame[JUDGE_FRAME_MAX];
    uint64_t random;
    uint32_t gap_count;
    uint64_t gaps_seen;
    uint32_t gaps_us[JUDGE_GAPS_MAX];
};

struct judge_gaps {
    uint32_t min_us, p50_us, p95_us, p99_us, max_us;
};

void judge_init(struct judge *judge, uint32_t t3_5_us);
// What the client sent. What follows its last bit without a pause continues its frame, unless that
// is whole, by its length and CRC: then it is another one, that broke the silence. data may be
// empty, if nobody heard it.
void judge_request(struct judge *judge, uint64_t start_us, uint64_t end_us, struct bytes data);
// Anything else on the wire; a reply once per request.
void judge_reply(struct judge *judge, uint64_t start_us, uint64_t end_us);
// Sum of minimal line time / elapsed, 0 to 1 (more: the client cheats on t3.5).
double judge_utilisation(const struct judge *judge);
struct judge_gaps judge_gaps(const struct judge *judge);

#endif
