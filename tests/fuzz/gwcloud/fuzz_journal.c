// SPDX-License-Identifier: Apache-2.0
// Boundary: what a flash chip gives back. The input is split into records (a length byte pair in
// front of each) that the log holds with good checksums, in either lane; the journal must open,
// work on and hand out whatever they say, or refuse them.
#include "apps/gateway/journal/journal.h"
#include "base/assert.h"
#include "sim/storage.h"

#include <stddef.h>
#include <string.h>

enum { RELAYS = 8, TURNS = 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(const struct storage *storage, struct reader *in)
{
    static uint8_t buffer[JOURNAL_READ_SIZE];
    const struct sl_config cfg = {.storage = storage,
                                  .buffer = buffer,
                                  .buffer_size = sizeof(buffer),
                                  .payload_size_max = JOURNAL_RECORD_SIZE_MAX,
                                  .segment_size = JOURNAL_SEGMENT_SIZE_MIN};
    struct seglog log;
    struct sl_recovery found;
    enum err err = sl_recover(&log, &cfg, &found);
    ASSERT(err == OK);
    while (reader_left(in) > 2) {
        uint16_t head = get_u16le(in);
        size_t want = head & 0x3fff;
        struct bytes part = get_bytes(in, want < reader_left(in) ? want : reader_left(in));
        uint64_t sequence;
        err = sl_append(&log, head & 0x8000 ? 2 : 1, &part, 1, &sequence);
        ASSERT(err == OK);
        if (head & 0x4000) {
            break; // the rest is the other lane's
        }
    }
    err = sl_sync(&log);
    ASSERT(err == OK);
}

static void use(struct journal *journal, const struct tm_catalogue *catalogue)
{
    static uint8_t buffer[JOURNAL_PAYLOAD_SIZE_MAX];
    journal_set_clock(journal, 1, (struct wall_time){.utc_ms = INT64_C(1790000000000)});
    journal_set_catalogue(journal, 1, catalogue);
    for (uint64_t turn = 1; turn <= TURNS; turn++) {
        uint64_t now_us = turn * US_PER_HOUR; // long enough for ages to be judged
        struct tm_sample sample = {.at_us = now_us, .point = 1, .value = tm_int(5, 0)};
        (void)!journal_add(journal, now_us, &sample);
        int side = journal_find_side(journal, 1);
        ASSERT(side >= -1 && side <= 1);
        (void)journal_add_event(
            journal, now_us,
            &(struct tm_event){.kind = TM_EVENT_ALERT,
                               .point = (uint32_t)turn,
                               .state = turn % 2 == 0 ? TM_ALERT_HIGH : TM_ALERT_NORMAL});
        journal_tick(journal, now_us);
        struct journal_message message;
        for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
            while (journal_next_message(journal, now_us, lane, buffer, &message) == OK) {
                ASSERT(message.payload.size <= sizeof(buffer));
                journal_ack(journal, now_us, lane, message.ordinal);
            }
        }
        while (journal_next_backlog(journal, now_us, buffer, &message) == OK) {
            ASSERT(message.payload.size <= sizeof(buffer));
            journal_ack(journal, now_us, LANE_TELEMETRY, message.ordinal);
        }
    }
    journal_flush(journal, (TURNS + 1) * US_PER_HOUR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_medium media[LANE_COUNT];
    static struct journal journal;
    static struct tm_sample window[JOURNAL_WINDOW_MIN];
    static struct journal_relay relays[RELAYS];
    static struct journal_side sides[RELAYS];
    static const uint32_t keys[] = {1, 2, 3};
    static const struct tm_point point = {.id = 1, .type = TM_TYPE_INT, .name = "t", .device = "d"};
    struct tm_catalogue catalogue;
    enum err err = tm_catalogue_init(&catalogue, NULL, &point, 1, NULL);
    ASSERT(err == OK);
    struct storage storage[LANE_COUNT];
    struct journal_config cfg = {.bytes_max = 6 * JOURNAL_SEGMENT_SIZE_MIN,
                                 .segment_size = JOURNAL_SEGMENT_SIZE_MIN,
                                 .journal_id = 7,
                                 .boot = 9,
                                 .window = window,
                                 .window_capacity = JOURNAL_WINDOW_MIN,
                                 .relays = relays,
                                 .relay_capacity = RELAYS,
                                 .sides = sides,
                                 .side_capacity = RELAYS,
                                 .keys = keys,
                                 .key_count = COUNT_OF(keys)};
    cfg.order = size % 2 == 0 ? JOURNAL_OLDEST_FIRST : JOURNAL_NEWEST_FIRST;
    cfg.age_max_s = size % 3 == 0 ? 7200 : 0;
    struct reader in = reader_of(bytes_of(data, size));
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_init(&media[lane], 1);
        storage[lane] = sim_storage(&media[lane]);
        cfg.storage[lane] = &storage[lane];
        fill(&storage[lane], &in);
    }
    struct journal_recovery found;
    if (journal_open(&journal, &cfg, 1, &found) == OK) {
        use(&journal, &catalogue);
    }
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_deinit(&media[lane]);
    }
    return 0;
}
