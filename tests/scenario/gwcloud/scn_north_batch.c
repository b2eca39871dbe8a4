// SPDX-License-Identifier: Apache-2.0
// Goal: the samples of one relayed report and the state that says it was taken become durable
// together, also when a message is full or a deadline has passed in the middle of them. Method:
// batches as the loop hands them over, on virtual disks, with the power failing at every step; each
// report is three samples, so that the last ordinal says how much of the last report is there.
#include "apps/gateway/journal/journal_internal.h"
#include "apps/gateway/north/north_internal.h"
#include "port/linux/clock_watch.h"
#include "sim/storage.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

enum { POINTS = 3, GROUPS = 800, GROUPS_PER_BATCH = 40, INPUTS = 640 };

struct bench {
    struct sim_medium media[LANE_COUNT];
    struct storage storage[LANE_COUNT];
    struct journal_config cfg;
    struct tm_sample window[JOURNAL_WINDOW_MIN];
    struct journal_relay relays[1];
    struct tm_point points[POINTS];
    struct tm_catalogue catalogue;
    struct north_side side;
    struct north_batch batch;
    struct north_input inputs[INPUTS];
    uint64_t now_us;
};

static struct bench bench;

static void open_bench(struct bench *b)
{
    static const char *const names[POINTS] = {"a", "b", "c"};
    memset(b, 0, sizeof(*b));
    for (uint32_t i = 0; i < POINTS; i++) {
        b->points[i] =
            (struct tm_point){.id = i + 1, .type = TM_TYPE_INT, .name = names[i], .device = "d"};
    }
    assert_int_equal(tm_catalogue_init(&b->catalogue, NULL, b->points, POINTS, NULL), OK);
    b->cfg = (struct journal_config){.segment_size = JOURNAL_SEGMENT_SIZE_MIN,
                                     .bytes_max = 64 * JOURNAL_SEGMENT_SIZE_MIN,
                                     .sync_ms = 10000,
                                     .max_age_ms = 300000,
                                     .journal_id = 7,
                                     .boot = 1,
                                     .window = b->window,
                                     .window_capacity = JOURNAL_WINDOW_MIN,
                                     .relays = b->relays,
                                     .relay_capacity = 1};
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_init(&b->media[lane], lane + 1U);
        b->storage[lane] = sim_storage(&b->media[lane]);
        b->cfg.storage[lane] = &b->storage[lane];
    }
    b->now_us = US_PER_S;
    b->side.trace_fd = -1;
    b->side.batch = &b->batch;
    b->batch.inputs = b->inputs;
    b->batch.capacity = INPUTS;
    struct journal_recovery found;
    assert_int_equal(journal_open(&b->side.journal, &b->cfg, b->now_us, &found), OK);
    journal_set_clock(&b->side.journal, b->now_us,
                      (struct wall_time){.utc_ms = INT64_C(1790000000000)});
    journal_set_catalogue(&b->side.journal, b->now_us, &b->catalogue);
}

static void close_bench(struct bench *b)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_deinit(&b->media[lane]);
    }
}

static void put(struct bench *b, struct north_input in)
{
    in.now_us = b->now_us;
    b->inputs[b->batch.count++] = in;
}

// The loop's drain of one poll: the samples, then the relay's state.
static void put_report(struct bench *b, uint32_t sequence)
{
    for (uint32_t i = 0; i < POINTS; i++) {
        put(b, (struct north_input){.kind = NORTH_SAMPLE,
                                    .u.sample = {.at_us = b->now_us,
                                                 .point = i + 1,
                                                 .value = tm_int(sequence * 77777, 0)}});
    }
    put(b, (struct north_input){.kind = NORTH_RELAY,
                                .u.relay = {.key = 9, .sequence = sequence, .at_us = b->now_us}});
}

static bool is_off(const struct bench *b)
{
    return b->media[LANE_ALERTS].is_off || b->media[LANE_TELEMETRY].is_off;
}

static void run_day(struct bench *b)
{
    for (uint32_t sequence = 1; sequence <= GROUPS && !is_off(b);) {
        for (uint32_t i = 0; i < GROUPS_PER_BATCH; i++) {
            b->now_us += 20 * US_PER_MS;
            put_report(b, sequence++);
        }
        north_apply(&b->side);
        while (!is_off(b) && journal_deadline_us(&b->side.journal) <= b->now_us) {
            north_tick(&b->side, b->now_us);
        }
    }
}

static void test_a_report_is_journalled_whole_and_with_its_relay(void **state)
{
    (void)state;
    struct sim_medium *medium = &bench.media[LANE_TELEMETRY];
    open_bench(&bench);
    run_day(&bench);
    uint64_t last = medium->steps;
    assert_true(bench.side.journal.stats.messages > 4); // messages were full, and more than once
    close_bench(&bench);
    for (uint64_t step = 1; step <= last; step++) {
        open_bench(&bench);
        medium->cut_at_step = medium->steps + step;
        run_day(&bench);
        if (!is_off(&bench)) {
            close_bench(&bench);
            break;
        }
        medium->cut_at_step = 0;
        sim_medium_power_on(medium);
        bench.cfg.boot = 2;
        struct journal_recovery found;
        assert_int_equal(journal_open(&bench.side.journal, &bench.cfg, US_PER_S, &found), OK);
        const struct journal *journal = &bench.side.journal;
        uint64_t newest = journal->sample_first + journal->count - 1; // ordinals begin at 1
        struct journal_relay relay = {.sequence = 0};
        (void)journal_find_relay(journal, 9, &relay);
        assert_int_equal(newest, (uint64_t)relay.sequence * POINTS);
        close_bench(&bench);
    }
}

// A queue that is full drops samples, which a gap tells; but what it took stays whole.
static void test_a_full_queue_takes_no_sample_without_its_relay(void **state)
{
    (void)state;
    enum { ROOM = 9, ALL = ROOM + 2 * NORTH_QUEUE_RESERVE };
    static struct north_input inputs[ALL];
    static struct north north;
    north.batch = &north.batches[0];
    north.batch->inputs = inputs;
    north.batch->capacity = ALL;
    uint32_t sequence = 0;
    while (north.batch->gap_count < 2 * NORTH_QUEUE_RESERVE) {
        sequence++;
        for (uint32_t i = 0; i < POINTS; i++) {
            struct tm_sample sample = {.point = i + 1, .value = tm_int(sequence, 0)};
            north_add(&north, US_PER_S, &sample);
        }
        north_set_relay(&north, US_PER_S, 9, sequence, US_PER_S);
    }
    uint32_t taken = 0;
    uint32_t relayed = 0;
    size_t samples = 0;
    for (size_t i = 0; i < north.batch->count; i++) {
        bool is_sample = inputs[i].kind == NORTH_SAMPLE;
        samples += is_sample;
        taken = is_sample ? (uint32_t)inputs[i].u.sample.value.u.i : taken;
        relayed = is_sample ? relayed : inputs[i].u.relay.sequence;
    }
    assert_int_equal(samples + north.batch->gap_count, (size_t)sequence * POINTS);
    assert_true(samples > 0 && taken > 0);
    assert_true(relayed >= taken);
    // And there is room for what is neither.
    assert_true(north.batch->count + NORTH_QUEUE_RESERVE <= ALL);
}

// A cold chain that loses its power: every limit is crossed in the same turn.
static void test_as_many_alerts_as_limits(void **state)
{
    enum { ALERTS = 150, EACH = 50 };
    (void)state;
    static struct north north;
    open_bench(&bench);
    north = (struct north){.batch = &bench.batch};
    for (uint32_t i = 0; i < ALERTS; i++) {
        bench.now_us += i % EACH == 0 ? 1 : 0;
        struct tm_sample sample = {.at_us = bench.now_us, .point = 1, .value = tm_int(i, 0)};
        north_add(&north, bench.now_us, &sample);
        north_add_event(&north, bench.now_us,
                        &(struct tm_event){.kind = TM_EVENT_ALERT,
                                           .state = TM_ALERT_HIGH,
                                           .point = 1,
                                           .at_ms = (int64_t)(bench.now_us / US_PER_MS),
                                           .value = tm_int(i, 0)});
        if (i % EACH == EACH - 1) {
            north_set_relay(&north, bench.now_us, 9, i, bench.now_us);
        }
    }
    north_apply(&bench.side);
    while (journal_deadline_us(&bench.side.journal) <= bench.now_us) {
        north_tick(&bench.side, bench.now_us);
    }
    struct journal_notice notice;
    while (journal_next(&bench.side.journal, &notice)) {
        assert_int_not_equal(notice.kind, JOURNAL_REFUSED);
    }
    assert_true(bench.side.journal.stats.events >= ALERTS);
    uint8_t payload[JOURNAL_PAYLOAD_SIZE_MAX + 1];
    struct journal_message message;
    size_t alerts = 0;
    while (journal_next_message(&bench.side.journal, bench.now_us, LANE_ALERTS, payload,
                                &message) == OK) {
        payload[message.payload.size] = 0;
        for (const char *at = (const char *)payload; (at = strstr(at, "\"high\"")) != NULL; at++) {
            alerts++;
        }
        journal_ack(&bench.side.journal, bench.now_us, LANE_ALERTS, message.ordinal);
    }
    assert_int_equal(alerts, ALERTS);
    close_bench(&bench);
}

enum { TEXTS = 200 };

static size_t size_of_text(uint32_t i)
{
    return i % 3 == 0 ? TM_TEXT_SIZE_MAX : 100 + i;
}

static void add_texts(struct bench *b)
{
    static struct north north;
    north = (struct north){.batch = &b->batch};
    for (uint32_t i = 0; i < TEXTS; i++) {
        char text[TM_TEXT_SIZE_MAX + 1];
        snprintf(text, sizeof(text), "<%u>%*s", i, (int)size_of_text(i) - 8, "x");
        struct tm_sample sample = {
            .at_us = b->now_us, .point = i + 1, .value = tm_text(bytes_of(text, strlen(text)))};
        north_add(&north, b->now_us, &sample);
        if (north.is_urgent) { // the loop hands the batch over
            north_apply(&b->side);
            north.is_urgent = false;
        }
    }
    north_apply(&b->side);
    assert_int_equal(north.stats.queue_dropped + b->side.journal.stats.samples_dropped, 0);
}

// How often each text came, and how many messages there were.
static size_t take_texts(struct bench *b, unsigned *found)
{
    uint8_t payload[JOURNAL_PAYLOAD_SIZE_MAX + 1];
    struct journal *journal = &b->side.journal;
    struct journal_message message;
    size_t messages = 0;
    while (journal_next_message(journal, b->now_us, LANE_TELEMETRY, payload, &message) == OK ||
           journal_next_backlog(journal, b->now_us, payload, &message) == OK) {
        payload[message.payload.size] = 0;
        for (unsigned i = 0; i < TEXTS; i++) {
            char mark[8];
            snprintf(mark, sizeof(mark), "<%u>", i);
            found[i] += strstr((const char *)payload, mark) != NULL;
        }
        messages += message.bag.kind == TM_MESSAGE_SAMPLES;
        journal_ack(journal, b->now_us, LANE_TELEMETRY, message.ordinal);
    }
    return messages;
}

// The text points of many devices, all read for the first time at once, on a disk that is well;
// with the time known and without it.
static void test_two_hundred_texts_at_once(void **state)
{
    (void)state;
    static struct tm_point points[TEXTS];
    static char names[TEXTS][8];
    for (int has_clock = 0; has_clock < 2; has_clock++) {
        unsigned found[TEXTS] = {0};
        open_bench(&bench);
        for (uint32_t i = 0; i < TEXTS; i++) {
            snprintf(names[i], sizeof(names[i]), "t%u", i);
            points[i] = (struct tm_point){
                .id = i + 1, .type = TM_TYPE_TEXT, .name = names[i], .device = "d"};
        }
        assert_int_equal(tm_catalogue_init(&bench.catalogue, NULL, points, TEXTS, NULL), OK);
        if (has_clock == 0) { // another boot that has not learned it
            struct journal_recovery recovery;
            bench.cfg.boot = 2;
            assert_int_equal(journal_open(&bench.side.journal, &bench.cfg, bench.now_us, &recovery),
                             OK);
        }
        journal_set_catalogue(&bench.side.journal, bench.now_us, &bench.catalogue);
        add_texts(&bench);
        assert_true(journal_unsealed(&bench.side.journal) > 0); // no more was sealed than needed
        journal_flush(&bench.side.journal, bench.now_us);
        size_t messages = take_texts(&bench, found);
        for (unsigned i = 0; i < TEXTS; i++) {
            assert_true(found[i] == 1 || (has_clock == 0 && found[i] == 0));
        }
        size_t left = journal_unsealed(&bench.side.journal); // of a boot that may learn it yet
        assert_true(has_clock == 0 ? left > 0 && left < TEXTS : left == 0);
        assert_in_range(messages, 3, 14); // they were full
        close_bench(&bench);
    }
}

// Killed with texts unsealed: they are taken back whole.
static void test_texts_survive_a_kill(void **state)
{
    enum { KILLED = 90 };
    (void)state;
    open_bench(&bench);
    for (uint32_t i = 0; i < KILLED; i++) {
        char text[16];
        snprintf(text, sizeof(text), "text %u", i);
        struct tm_sample sample = {
            .at_us = bench.now_us, .point = 1, .value = tm_text(bytes_of(text, strlen(text)))};
        assert_int_equal(journal_add(&bench.side.journal, bench.now_us, &sample), OK);
    }
    bench.now_us += 20 * US_PER_S;
    north_tick(&bench.side, bench.now_us);
    struct journal_recovery recovery;
    assert_int_equal(journal_open(&bench.side.journal, &bench.cfg, bench.now_us, &recovery), OK);
    assert_int_equal(recovery.samples_unsealed, KILLED);
    for (uint32_t i = 0; i < KILLED; i++) {
        char text[16];
        snprintf(text, sizeof(text), "text %u", i);
        const struct tm_value *value = &bench.window[i].value;
        assert_int_equal(value->text_size, strlen(text));
        assert_memory_equal(value->u.text, text, strlen(text));
    }
    close_bench(&bench);
}

// A clock that is set is looked at in the turn that follows, not when a minute is over.
static void test_a_clock_that_is_set_is_looked_at(void **state)
{
    (void)state;
    static struct north north;
    int fd = -1;
    assert_int_equal(clock_watch_open(&fd), OK);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 0), 0); // nobody has set it, so nobody is woken
    north = (struct north){.clock_us = TIME_NEVER};
    north_clock_ready(&north, fd);
    assert_int_equal(north.clock_us, 0);
    assert_int_equal(poll(&poll_fd, 1, 0), 0);
    close(fd);
}

// A clock beyond 2038, or whatever else lets the time come, must not wake it for ever.
static void test_a_watch_whose_time_came_does_not_spin(void **state)
{
    (void)state;
    int fd = -1;
    struct itimerspec left;
    assert_int_equal(clock_watch_open(&fd), OK);
    assert_int_equal(timerfd_gettime(fd, &left), 0);
    if (sizeof(time_t) > sizeof(int32_t)) {
        assert_true(left.it_value.tv_sec > INT32_MAX);
    }
    const struct itimerspec past = {.it_value.tv_sec = 1};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    assert_int_equal(timerfd_settime(fd, flags, &past, NULL), 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 1000), 1);
    clock_watch_rearm(fd);
    assert_int_equal(poll(&poll_fd, 1, 0), 0);
    assert_int_equal(timerfd_gettime(fd, &left), 0);
    assert_int_equal(left.it_value.tv_sec, 0);
    close(fd);
}

// More events than a batch holds: those that found no room are in a gap marker.
static void test_events_beyond_a_batch_are_counted(void **state)
{
    enum { MORE = 7 };
    (void)state;
    static struct north north;
    static struct north_input inputs[NORTH_EVENTS_MAX + 3 * NORTH_QUEUE_RESERVE];
    open_bench(&bench);
    bench.batch.inputs = inputs;
    bench.batch.capacity = NORTH_EVENTS_MAX + 3 * NORTH_QUEUE_RESERVE;
    north = (struct north){.batch = &bench.batch};
    for (uint32_t i = 0; i < NORTH_EVENTS_MAX + MORE; i++) {
        north_add_event(&north, bench.now_us,
                        &(struct tm_event){.kind = TM_EVENT_ALERT, .point = 1, .at_ms = 1000 + i});
    }
    north_apply(&bench.side);
    assert_int_equal(bench.side.journal.gap_count, 1);
    assert_int_equal(bench.side.journal.gaps[0].count, MORE);
    assert_string_equal(bench.side.journal.gaps[0].why, "alerts");
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_report_is_journalled_whole_and_with_its_relay),
        cmocka_unit_test(test_a_full_queue_takes_no_sample_without_its_relay),
        cmocka_unit_test(test_as_many_alerts_as_limits),
        cmocka_unit_test(test_two_hundred_texts_at_once),
        cmocka_unit_test(test_texts_survive_a_kill),
        cmocka_unit_test(test_a_clock_that_is_set_is_looked_at),
        cmocka_unit_test(test_a_watch_whose_time_came_does_not_spin),
        cmocka_unit_test(test_events_beyond_a_batch_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
