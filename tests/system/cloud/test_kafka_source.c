// SPDX-License-Identifier: Apache-2.0
// Goal: every message of the topic is in the store once, whatever happens to the group, the broker,
// the disk and the process. Method: librdkafka's own cluster of mock brokers, to which messages are
// produced as Event Hubs has them; a store on a disk in memory; turn by turn on one thread.
#include "apps/cloud/ingest/kafka_source.h"

#include "apps/cloud/store/query.h"
#include "base/assert.h"
#include "bench/cloud_feed.h"
#include "sim/sqlite_disk.h"
#include "tests/system/cloud/kafka_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>

#define T0    INT64_C(1700000000000)
#define TOPIC "d2c"

enum { STRANGERS = 3, PARTS = 4, SITES = 4, BATCH = 50, GIVE_UP_S = 20, JUNK_SIZE = 200 * 1024 };

static const char *const devices[SITES] = {"shop", "kiosk", "depot", "mill"};

struct fixture {
    rd_kafka_t *owner; // of the mock cluster
    rd_kafka_mock_cluster_t *cluster;
    const char *bootstrap;
    struct kafka_feed sink;
    struct feed feeds[SITES];
    uint32_t fed[SITES]; // samples of point 1
    struct sqlite_disk disk;
    struct store store;
    struct catalogues catalogues;
    struct live live;
    struct ingest ingest;
    struct kafka_source source;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void open_cloud(struct fixture *f)
{
    const struct store_config cfg = {
        .path = "store.db", .vfs = "sim", .site_max = SITES, .series_max = 64};
    assert_int_equal(store_open(&f->store, &cfg), OK);
    assert_int_equal(catalogues_init(&f->catalogues, &f->store), OK);
    assert_int_equal(live_init(&f->live), OK);
    assert_int_equal(ingest_init(&f->ingest, &f->store, &f->catalogues), OK);
    assert_int_equal(catalogues_load(&f->catalogues), OK);
    const struct kafka_config source = {.live = &f->live,
                                        .ingest = &f->ingest,
                                        .bootstrap = f->bootstrap,
                                        .topic = TOPIC,
                                        .group = "busward",
                                        .is_plain = true,
                                        .session_ms = 4000};
    assert_int_equal(kafka_source_open(&f->source, &source), OK);
}

static void close_cloud(struct fixture *f)
{
    kafka_source_close(&f->source);
    ingest_deinit(&f->ingest);
    live_deinit(&f->live);
    catalogues_deinit(&f->catalogues);
    store_close(&f->store);
}

static void open_cluster(struct fixture *f)
{
    char why[256];
    f->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    f->cluster = rd_kafka_mock_cluster_new(f->owner, 3);
    f->bootstrap = rd_kafka_mock_cluster_bootstraps(f->cluster);
    assert_int_equal(rd_kafka_mock_topic_create(f->cluster, TOPIC, PARTS, 1), 0);
    assert_int_equal(rd_kafka_mock_coordinator_set(f->cluster, "group", "busward", 1), 0);
    assert_int_equal(kafka_feed_open(&f->sink, f->bootstrap, TOPIC, "gzip"), OK);
}

static void close_cluster(struct fixture *f)
{
    kafka_feed_close(&f->sink);
    rd_kafka_mock_cluster_destroy(f->cluster);
    rd_kafka_destroy(f->owner);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    open_cluster(f);
    sqlite_disk_init(&f->disk, 1);
    for (int i = 0; i < SITES; i++) {
        feed_open_to(&f->feeds[i], devices[i], kafka_feed_send, &f->sink);
    }
    open_cloud(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_cloud(f);
    sqlite_disk_deinit(&f->disk);
    close_cluster(f);
    free(f);
    return 0;
}

// One message with a sample of point 1 for each site, `count` times; each site has a partition.
static void feed_all(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count * SITES; i++) {
        const unsigned site = i % SITES;
        struct feed *feed = &f->feeds[site];
        f->sink.part = (int32_t)site % PARTS;
        if (feed->catalogue.point_count == 0) {
            assert_int_equal(feed_catalogue(feed, 3, false), OK);
        }
        const struct tm_sample sample = {.at_us = (uint64_t)(T0 + f->fed[site] * 1000) * 1000,
                                         .point = 1,
                                         .value = tm_int((int64_t)f->fed[site] % 100, -1)};
        assert_int_equal(feed_samples(feed, &sample, 1), OK);
        f->fed[site]++;
    }
    assert_int_equal(kafka_feed_flush(&f->sink, GIVE_UP_S * 1000), OK);
}

static uint32_t stored(struct fixture *f, unsigned site_index)
{
    struct store_reader reader;
    struct bucket bucket = {.n = 0};
    uint32_t site = 0;
    struct query q = {
        .from_ms = T0, .to_ms = T0 + (INT64_C(1) << 32), .bucket_count = 1, .buckets = &bucket};
    const char *device = devices[site_index];
    assert_int_equal(store_reader_open(&reader, &f->store), OK);
    if (store_find_site(&f->store, bytes_of(device, strlen(device)), &site) &&
        store_find_series(&f->store, site, 1, &q.series)) {
        assert_int_equal(store_query(&reader, &q), OK);
    }
    store_reader_close(&reader);
    return bucket.n;
}

// A turn as the ingest thread gives it: after news, or when it is time to look.
static enum err turn(struct fixture *f)
{
    struct pollfd news = {.fd = kafka_source_fd(&f->source), .events = POLLIN};
    (void)poll(&news, 1, KAFKA_LOOK_MS / 10);
    return kafka_source_turn(&f->source, now_us());
}

static bool has_all(struct fixture *f)
{
    for (unsigned i = 0; i < SITES; i++) {
        const uint32_t n = stored(f, i);
        assert_true(n <= f->fed[i]); // never one twice
        if (n < f->fed[i]) {
            return false;
        }
    }
    return true;
}

static void follow(struct fixture *f)
{
    const uint64_t start_us = now_us();
    do {
        (void)turn(f);
        assert_true(now_us() - start_us < GIVE_UP_S * UINT64_C(1000000));
    } while (!has_all(f));
}

static void follow_until(struct fixture *f, bool (*is_there)(struct fixture *f))
{
    const uint64_t start_us = now_us();
    while (!is_there(f)) {
        (void)turn(f);
        assert_true(now_us() - start_us < GIVE_UP_S * UINT64_C(1000000));
    }
}

static int64_t offset_of(struct fixture *f, int32_t part)
{
    struct store_offset at = {.next = -1};
    const char *name = f->source.name;
    (void)!store_find_offset(&f->store, bytes_of(name, strlen(name)), part, &at);
    return at.next;
}

static unsigned rows_of(struct fixture *f, const char *count)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->store.db.handle, count, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const unsigned rows = (unsigned)sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return rows;
}

// Another make's device on the same hub: with properties of its own, with none, without a payload.
static void feed_strangers(struct fixture *f)
{
    static const char *const properties[STRANGERS] = {"temperatureAlert=true&t=x", "", "n=1&j=2"};
    for (size_t i = 0; i < STRANGERS; i++) {
        const struct hub_record record = {
            .device_id = bytes_of("pump", 4),
            .properties = bytes_of(properties[i], strlen(properties[i])),
            .payload = i == 1 ? bytes_of(NULL, 0) : bytes_of("<pump/>", 7),
            .received_utc_ms = T0,
        };
        assert_int_equal(kafka_feed_send(&f->sink, &record), OK);
    }
}

// One story, since each group takes its seconds to gather: messages, junk among them, a full disk
// in the midst of a batch, a kill before the commit.
static void test_kills_and_full_disks_lose_and_double_nothing(void **state)
{
    struct fixture *f = *state;
    feed_all(f, BATCH);
    f->sink.part = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kafka_feed_junk(&f->sink, bytes_of("?", 1)), OK);
    }
    assert_int_equal(kafka_feed_junk(&f->sink, bytes_of(NULL, 0)), OK); // a tombstone
    feed_strangers(f);
    feed_all(f, BATCH);
    follow(f);
    assert_int_equal(atomic_load(&f->source.bad), 4);
    assert_int_equal(offset_of(f, 0), f->fed[0] + 1 + 4 + STRANGERS); // with its catalogue
    assert_int_equal(rows_of(f, "SELECT count(*) FROM aside WHERE device='pump'"), STRANGERS);
    assert_int_equal(rows_of(f, "SELECT count(*) FROM site"), SITES);
    assert_int_equal(offset_of(f, 1), f->fed[1] + 1);

    // The disk is full for a while: the batch is undone and read again from the store's offsets.
    f->disk.full_from = f->disk.steps + 1;
    f->disk.full_until = UINT64_MAX;
    feed_all(f, BATCH);
    enum err err = OK;
    while (err == OK || err == ERR_EMPTY) {
        err = turn(f);
    }
    f->disk.full_from = 0;
    follow(f);
    assert_true(f->store.stats.rollbacks > 0);
    assert_int_equal(offset_of(f, 1), f->fed[1] + 1);
    assert_int_equal(f->store.stats.duplicates, 0);

    // Power goes in the middle of a commit; whatever of it is left, the rest comes again.
    feed_all(f, BATCH);
    f->disk.cut_at = f->disk.steps + 3;
    while (!f->disk.is_off) {
        (void)turn(f);
    }
    close_cloud(f);
    sqlite_disk_restart(&f->disk);
    open_cloud(f);
    follow(f);
    assert_int_equal(f->store.stats.duplicates, 0); // offset and samples are one transaction
}

static rd_kafka_t *join(struct fixture *f)
{
    static const char *const settings[][2] = {{"group.id", "busward"},
                                              {"session.timeout.ms", "4000"},
                                              {"heartbeat.interval.ms", "200"},
                                              {"auto.offset.reset", "latest"},
                                              {"partition.assignment.strategy", "range"}};
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", f->bootstrap, why, sizeof(why)),
                     0);
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        assert_int_equal(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)),
                         0);
    }
    rd_kafka_t *other = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    assert_non_null(other);
    (void)rd_kafka_poll_set_consumer(other);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, TOPIC, RD_KAFKA_PARTITION_UA);
    assert_int_equal(rd_kafka_subscribe(other, topics), 0);
    rd_kafka_topic_partition_list_destroy(topics);
    return other;
}

// Another member takes half of the partitions, reads there, commits for the group, and leaves.
static void test_another_member_takes_nothing_away(void **state)
{
    struct fixture *f = *state;
    feed_all(f, BATCH);
    follow(f);
    rd_kafka_t *other = join(f);
    unsigned theirs = 0;
    const uint64_t start_us = now_us();
    while (theirs < 10) {
        if (atomic_load(&f->source.partitions) == PARTS / 2) {
            feed_all(f, 1); // now that they share
        }
        rd_kafka_message_t *m = rd_kafka_consumer_poll(other, 20);
        theirs += m != NULL && m->err == 0 ? 1 : 0;
        if (m != NULL) {
            rd_kafka_message_destroy(m);
        }
        (void)turn(f);
        assert_true(now_us() - start_us < GIVE_UP_S * UINT64_C(1000000));
    }
    assert_false(has_all(f)); // what they hold is not ours yet
    assert_int_equal(rd_kafka_commit(other, NULL, 0), 0);
    (void)rd_kafka_consumer_close(other);
    rd_kafka_destroy(other);
    feed_all(f, BATCH);
    follow(f);
    assert_int_equal(atomic_load(&f->source.partitions), PARTS);
    for (int32_t part = 0; part < PARTS; part++) {
        assert_int_equal(offset_of(f, part), f->fed[part] + 1);
    }
}

static bool is_waiting(struct fixture *f)
{
    return atomic_load(&f->source.state) == KAFKA_WAITS && atomic_load(&f->source.errors) > 0;
}

static void test_brokers_go_and_come_back(void **state)
{
    struct fixture *f = *state;
    feed_all(f, BATCH);
    follow(f);
    for (int32_t broker = 1; broker <= 3; broker++) {
        assert_int_equal(rd_kafka_mock_broker_set_down(f->cluster, broker), 0);
    }
    follow_until(f, is_waiting);
    for (int32_t broker = 1; broker <= 3; broker++) {
        assert_int_equal(rd_kafka_mock_broker_set_up(f->cluster, broker), 0);
    }
    feed_all(f, BATCH);
    follow(f);
    assert_int_equal(atomic_load(&f->source.state), KAFKA_OK);
    assert_int_equal(f->store.stats.duplicates, 0);
}

static unsigned events_of(struct fixture *f, const char *kind)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->store.db.handle,
                                        "SELECT count(*) FROM event WHERE kind=?1", -1, &s, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(s, 1, kind, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const unsigned count = (unsigned)sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return count;
}

static void set_offset(struct fixture *f, int32_t part, struct store_offset at)
{
    const struct bytes name = bytes_of(f->source.name, strlen(f->source.name));
    assert_int_equal(store_begin(&f->store), OK);
    assert_int_equal(store_set_offset(&f->store, name, part, at), OK);
    assert_int_equal(store_commit(&f->store, f->store.position), OK);
}

static bool has_told_new(struct fixture *f)
{
    return events_of(f, "kafka_new") > 0;
}

static bool has_told_lost(struct fixture *f)
{
    return events_of(f, "kafka_lost") > 0;
}

// A topic made anew, and one whose broker deleted what was not read yet: said, once, and exactly.
static void test_what_the_broker_does_not_have_is_said(void **state)
{
    struct fixture *f = *state;
    static uint8_t junk[JUNK_SIZE];
    uint32_t noise = 1; // or gzip would leave nothing of it
    for (size_t i = 0; i < sizeof(junk); i++) {
        noise = noise * 1664525U + 1013904223U;
        junk[i] = (uint8_t)(noise >> 24);
    }
    feed_all(f, BATCH);
    follow(f);
    close_cloud(f);
    open_cloud(f);
    set_offset(f, 1, (struct store_offset){.next = 1000000});
    follow_until(f, has_told_new);
    follow(f);
    feed_all(f, 1);
    follow(f);
    assert_int_equal(events_of(f, "kafka_new"), SITES);
    assert_int_equal(offset_of(f, 1), f->fed[1] + 1);
    assert_true(f->store.stats.duplicates >= BATCH); // all of it came again, and was dropped

    close_cloud(f);
    f->sink.part = 2; // a mock broker keeps 5 MiB of a partition
    for (int i = 0; i < 40; i++) {
        assert_int_equal(kafka_feed_junk(&f->sink, bytes_of(junk, sizeof(junk))), OK);
        assert_int_equal(kafka_feed_flush(&f->sink, GIVE_UP_S * 1000), OK);
    }
    open_cloud(f);
    follow_until(f, has_told_lost);
    feed_all(f, 1);
    follow(f);
    assert_int_equal(events_of(f, "kafka_lost"), SITES);
    const uint64_t lost = atomic_load(&f->source.lost);
    assert_in_range(lost, 1, 40);
    assert_int_equal(atomic_load(&f->source.bad), 40 - lost);

    // Nothing is missing when only the message by which we would know the topic is deleted.
    int64_t low = 0;
    int64_t high = 0;
    close_cloud(f);
    assert_int_equal(
        rd_kafka_query_watermark_offsets(f->sink.producer, TOPIC, 2, &low, &high, GIVE_UP_S * 1000),
        0);
    open_cloud(f);
    set_offset(f, 2, (struct store_offset){.next = low, .record = 7});
    feed_all(f, 1);
    follow(f);
    assert_int_equal(offset_of(f, 2), high + 1);
    assert_int_equal(events_of(f, "kafka_lost"), SITES);
    assert_int_equal(events_of(f, "kafka_new"), SITES);
}

static void run_sql(struct fixture *f, const char *text)
{
    assert_int_equal(sqlite3_exec(f->store.db.handle, text, NULL, NULL, NULL), SQLITE_OK);
}

// A topic of that name that was made anew while the cloud was away, and is longer by now than the
// former one was: offsets alone do not show it, and its beginning would be passed over.
static void test_a_longer_topic_made_anew_is_noticed_by_what_came_before(void **state)
{
    struct fixture *f = *state;
    char sql[1200];
    feed_all(f, BATCH);
    follow(f);
    close_cloud(f);
    // First the same one: it is known again, and nothing comes twice.
    open_cloud(f);
    feed_all(f, BATCH);
    follow(f);
    assert_int_equal(f->store.stats.duplicates, 0);
    assert_int_equal(events_of(f, "kafka_new"), 0);
    // A store of an earlier version does not know by what to know it; it learns.
    run_sql(f, "ALTER TABLE source_offset DROP COLUMN record");
    close_cloud(f);
    open_cloud(f);
    feed_all(f, 1);
    follow(f);
    close_cloud(f);
    close_cluster(f);
    open_cluster(f);
    feed_all(f, 3 * BATCH);
    open_cloud(f);
    snprintf(sql, sizeof(sql), "UPDATE source_offset SET source='%s'", f->source.name);
    run_sql(f, sql); // a cluster of ours has another port
    follow(f);
    assert_int_equal(events_of(f, "kafka_new"), SITES); // not for each partition
    assert_int_equal(f->store.stats.duplicates, 0);
    for (int32_t part = 0; part < PARTS; part++) {
        assert_int_equal(offset_of(f, part), 3 * BATCH);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kills_and_full_disks_lose_and_double_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_another_member_takes_nothing_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_brokers_go_and_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_the_broker_does_not_have_is_said, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_longer_topic_made_anew_is_noticed_by_what_came_before, setup, teardown),
    };
    // Each takes its seconds to gather a group: side by side they cost less of anybody's time.
    cmocka_set_test_filter(argc > 1 ? argv[1] : "*");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
