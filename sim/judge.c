// SPDX-License-Identifier: Apache-2.0
#include "sim/judge.h"

#include <stdlib.h>
#include <string.h>

#include "modbus/rtu.h"

_Static_assert(JUDGE_FRAME_MAX > MB_RTU_SIZE_MAX, "what is too long for a frame is none");

void judge_init(struct judge *judge, uint32_t t3_5_us)
{
    memset(judge, 0, sizeof *judge);
    judge->t3_5_us = t3_5_us;
    judge->random = 1;
}

static void keep_gap(struct judge *judge, uint64_t gap_us)
{
    uint32_t gap = gap_us > UINT32_MAX ? UINT32_MAX : (uint32_t)gap_us;
    judge->gaps_seen++;
    if (judge->gap_count < JUDGE_GAPS_MAX) {
        judge->gaps_us[judge->gap_count++] = gap;
        return;
    }
    judge->random = judge->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    uint64_t place = (judge->random >> 16) % judge->gaps_seen;
    if (place < JUDGE_GAPS_MAX) {
        judge->gaps_us[place] = gap;
    }
}

// What the client has sent so far is a whole frame, so that what comes next is another. `ended`: a
// frame whose length only silence can tell may be meant.
static bool is_whole(const struct judge *judge, bool ended)
{
    struct bytes frame = bytes_of(judge->frame, judge->frame_size);
    size_t size = mb_rtu_size(MB_REQUESTS, frame);
    return (size == frame.size || (size == MB_SIZE_OPEN && ended)) &&
           frame.size >= MB_RTU_SIZE_MIN && frame.size <= MB_RTU_SIZE_MAX &&
           mb_crc16(MB_CRC_START, frame) == 0;
}

// Takes bytes up to the end of a frame; how many.
static size_t take(struct judge *judge, struct bytes data)
{
    size_t taken = 0;
    while (taken < data.size) {
        if (judge->frame_size < JUDGE_FRAME_MAX) {
            judge->frame[judge->frame_size++] = data.data[taken];
        }
        taken++;
        if (is_whole(judge, false)) {
            break;
        }
    }
    return taken;
}

static void add_request(struct judge *judge, uint64_t start_us, uint64_t end_us, bool is_more)
{
    if (is_more) {
        judge->minimal_us += end_us - start_us;
        judge->closed_us = end_us;
        judge->last_us = end_us;
        return;
    }
    if (judge->requests == 0) {
        judge->first_us = start_us;
    } else {
        bool overlap = start_us < judge->last_us;
        uint64_t gap_us = overlap ? 0 : start_us - judge->last_us;
        keep_gap(judge, gap_us);
        judge->violations += gap_us < judge->t3_5_us;
        judge->collisions += overlap;
    }
    judge->requests++;
    judge->request_us = start_us;
    judge->last_us = end_us > judge->last_us ? end_us : judge->last_us;
    judge->minimal_us += end_us - start_us + judge->t3_5_us;
    judge->closed_us = end_us;
    judge->asking = true;
}

void judge_request(struct judge *judge, uint64_t start_us, uint64_t end_us, struct bytes data)
{
    bool is_more = judge->asking && start_us == judge->closed_us && !is_whole(judge, true);
    uint64_t from_us = start_us;
    if (data.size == 0) {
        judge->frame_size = 0;
        add_request(judge, start_us, end_us, is_more);
    }
    for (size_t done = 0; done < data.size; is_more = false) {
        judge->frame_size = is_more ? judge->frame_size : 0;
        done += take(judge, bytes_of(data.data + done, data.size - done));
        uint64_t to_us = start_us + (end_us - start_us) * done / data.size;
        add_request(judge, from_us, to_us, is_more);
        from_us = to_us;
    }
}

void judge_reply(struct judge *judge, uint64_t start_us, uint64_t end_us)
{
    (void)start_us;
    if (judge->requests == 0) {
        return;
    }
    if (judge->closed_us >= judge->request_us && end_us > judge->closed_us) {
        // The device's own time lies between; its silence after the request is counted with it.
        judge->minimal_us += end_us - judge->closed_us;
        judge->closed_us = end_us;
        judge->replies += judge->asking;
        judge->asking = false;
    }
    judge->last_us = end_us > judge->last_us ? end_us : judge->last_us;
}

double judge_utilisation(const struct judge *judge)
{
    uint64_t elapsed_us = judge->last_us - judge->first_us + judge->t3_5_us;
    return judge->requests == 0 ? 0 : (double)judge->minimal_us / (double)elapsed_us;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

struct judge_gaps judge_gaps(const struct judge *judge)
{
    struct judge_gaps out = {0};
    uint32_t n = judge->gap_count;
    uint32_t *sorted = n == 0 ? NULL : malloc(n * sizeof *sorted);
    if (sorted == NULL) {
        return out;
    }
    memcpy(sorted, judge->gaps_us, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    out.min_us = sorted[0];
    out.p50_us = sorted[n / 2];
    out.p95_us = sorted[(size_t)n * 95 / 100];
    out.p99_us = sorted[(size_t)n * 99 / 100];
    out.max_us = sorted[n - 1];
    free(sorted);
    return out;
}
