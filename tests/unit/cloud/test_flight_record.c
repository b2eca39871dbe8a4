// SPDX-License-Identifier: Apache-2.0
// Goal: a flight record comes back as its gateway cut it, whatever order its parts came in, however
// often, and wherever the power went; what is missing is said, and nobody's records take another's
// room. Method: messages given to the ingest as a log has them, a store on a disk in memory.
#include "apps/cloud/ingest/flight_part.h"
#include "apps/cloud/ingest/ingest.h"
#include "apps/cloud/store/flight.h"
#include "apps/cloud/store/store_sync.h"
#include "sim/sqlite_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PARTS = 9, TEXT_MAX_SIZE = 4096 };

#define T0 INT64_C(1700000000000)

struct fixture {
    struct sqlite_disk disk;
    struct store store;
    struct catalogues catalogues;
    struct ingest ingest;
    struct store_config cfg;
    uint64_t sequence;
};

static bool open_store(struct fixture *f)
{
    if (store_open(&f->store, &f->cfg) != OK) {
        return false;
    }
    assert_int_equal(catalogues_init(&f->catalogues, &f->store), OK);
    assert_int_equal(ingest_init(&f->ingest, &f->store, &f->catalogues), OK);
    return true;
}

static void close_store(struct fixture *f)
{
    ingest_deinit(&f->ingest);
    catalogues_deinit(&f->catalogues);
    store_close(&f->store);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    sqlite_disk_init(&f->disk, 1);
    f->cfg =
        (struct store_config){.path = "store.db", .vfs = "sim", .site_max = 4, .series_max = 8};
    assert_true(open_store(f));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    sqlite_disk_deinit(&f->disk);
    free(f);
    return 0;
}

struct sent {
    const char *device;
    unsigned number, part, parts;
    int64_t at_ms;
    const char *text;
};

static enum err try_send(struct fixture *f, struct sent s)
{
    char bag[128];
    const int size =
        snprintf(bag, sizeof(bag), "$.ct=text%%2Fplain&$.ce=utf-8&t=flight&id=%u&part=%u&parts=%u",
                 s.number, s.part, s.parts);
    const struct hub_record record = {.received_utc_ms = s.at_ms,
                                      .device_id = bytes_of(s.device, strlen(s.device)),
                                      .properties = bytes_of(bag, (size_t)size),
                                      .payload = bytes_of(s.text, strlen(s.text))};
    enum err err = store_begin(&f->store);
    err = err == OK ? ingest_message(&f->ingest, f->sequence + 1, &record) : err;
    err = err == OK ? store_commit(&f->store, f->sequence + 1) : err;
    f->sequence += err == OK ? 1 : 0;
    return err;
}

static void give(struct fixture *f, struct sent s)
{
    assert_int_equal(try_send(f, s), OK);
}

static struct sent part_of(unsigned number, unsigned part, char *text)
{
    snprintf(text, 64, "t=%u ev=line of part %u\n", number, part);
    return (struct sent){"shop", number, part, PARTS, T0 + part * 250, text};
}

struct listed {
    struct flight_row rows[STORE_FLIGHTS_MAX + 1];
    unsigned count;
    char missing[512]; // "3-3 5-6; " per record
};

static void on_row(void *ctx, const struct flight_row *row)
{
    struct listed *l = ctx;
    assert_true(l->count <= STORE_FLIGHTS_MAX);
    l->rows[l->count++] = *row;
}

static void on_missing(void *ctx, uint32_t from, uint32_t to)
{
    struct listed *l = ctx;
    const size_t at = strlen(l->missing);
    snprintf(l->missing + at, sizeof(l->missing) - at, "%u-%u ", from, to);
}

static void on_end(void *ctx)
{
    struct listed *l = ctx;
    strncat(l->missing, ";", sizeof(l->missing) - strlen(l->missing) - 1);
}

static struct listed list(struct fixture *f, const char *device)
{
    struct listed l = {.count = 0};
    struct store_reader reader;
    uint32_t site = 0;
    const struct flight_visitor visitor = {on_row, on_missing, on_end, &l};
    assert_true(store_find_site(&f->store, bytes_of(device, strlen(device)), &site));
    assert_int_equal(store_reader_open(&reader, &f->store), OK);
    assert_int_equal(store_query_flights(&reader, site, &visitor), OK);
    store_reader_close(&reader);
    return l;
}

static void whole(struct fixture *f, int64_t id, char *out)
{
    struct store_reader reader;
    struct flight_row row;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(store_reader_open(&reader, &f->store), OK);
    assert_int_equal(store_query_flight(&reader, 0, id, &row, &text, &size), OK);
    assert_true(size < TEXT_MAX_SIZE);
    memcpy(out, text, size);
    out[size] = '\0';
    free(text);
    assert_int_equal(store_query_flight(&reader, 1, id, &row, &text, &size), ERR_NOT_FOUND);
    assert_int_equal(store_query_flight(&reader, 0, id + 100, &row, &text, &size), ERR_NOT_FOUND);
    store_reader_close(&reader);
}

static void expected(unsigned number, char *out)
{
    char text[64];
    out[0] = '\0';
    for (unsigned part = 1; part <= PARTS; part++) {
        strcat(out, part_of(number, part, text).text);
    }
}

static void test_any_order_and_again_is_the_same_record(void **state)
{
    struct fixture *f = *state;
    static char want[TEXT_MAX_SIZE];
    static char got[TEXT_MAX_SIZE];
    char text[64];
    for (unsigned round = 0; round < 3; round++) { // the hub sends what was not acknowledged again
        for (unsigned i = 0; i < PARTS; i++) {
            give(f, part_of(7, i * 4 % PARTS + 1, text));
        }
    }
    const struct listed l = list(f, "shop");
    assert_int_equal(l.count, 1);
    assert_string_equal(l.missing, ";");
    assert_int_equal(l.rows[0].part_count, PARTS);
    assert_int_equal(l.rows[0].number, 7);
    expected(7, want);
    whole(f, l.rows[0].id, got);
    assert_string_equal(got, want);
    assert_int_equal(l.rows[0].size, strlen(want));
    assert_int_equal(l.rows[0].first_ms, T0 + 250);
    assert_int_equal(l.rows[0].last_ms, T0 + PARTS * 250);
    assert_int_equal(f->store.stats.duplicates, 2 * PARTS);
    assert_int_equal(f->store.stats.aside, 0);
}

static void test_what_is_missing_is_said(void **state)
{
    struct fixture *f = *state;
    static char got[TEXT_MAX_SIZE];
    char text[64];
    give(f, part_of(1, 2, text));
    assert_string_equal(list(f, "shop").missing, "1-1 3-9 ;");
    give(f, part_of(1, 6, text));
    give(f, part_of(1, 5, text));
    const struct listed l = list(f, "shop");
    assert_string_equal(l.missing, "1-1 3-4 7-9 ;");
    whole(f, l.rows[0].id, got);
    assert_string_equal(got, "# part 1 of 9 is missing\n"
                             "t=1 ev=line of part 2\n"
                             "# parts 3 to 4 of 9 are missing\n"
                             "t=1 ev=line of part 5\n"
                             "t=1 ev=line of part 6\n"
                             "# parts 7 to 9 of 9 are missing\n");
}

static void test_a_gateway_that_counts_anew_mixes_nothing(void **state)
{
    struct fixture *f = *state;
    static char got[TEXT_MAX_SIZE];
    give(f, (struct sent){"shop", 1, 1, 2, T0, "old one\n"});
    give(f, (struct sent){"shop", 1, 2, 2, T0, "old two\n"});
    // Another text in its place, another count of parts, and an hour later: each begins a record.
    give(f, (struct sent){"shop", 1, 2, 2, T0 + 1000, "new two\n"});
    give(f, (struct sent){"shop", 1, 1, 2, T0 + 2000, "new one\n"});
    give(f, (struct sent){"shop", 1, 1, 3, T0 + 3000, "of three\n"});
    give(f, (struct sent){"shop", 1, 3, 3, T0 + STORE_FLIGHT_SPAN_MS + 3001, "later three\n"});
    // Read again from the log, each finds its own.
    give(f, (struct sent){"shop", 1, 2, 2, T0, "old two\n"});
    give(f, (struct sent){"shop", 1, 2, 2, T0 + 1000, "new two\n"});
    const struct listed l = list(f, "shop");
    assert_int_equal(l.count, 4);
    assert_string_equal(l.missing, "1-2 ;2-3 ;;;");
    whole(f, l.rows[2].id, got);
    assert_string_equal(got, "new one\nnew two\n");
    whole(f, l.rows[3].id, got);
    assert_string_equal(got, "old one\nold two\n");
    // What is read again from a log of long ago joins no record of today.
    give(f, (struct sent){"shop", 5, 1, 2, T0 + 2 * (int64_t)STORE_FLIGHT_SPAN_MS, "today\n"});
    give(f, (struct sent){"shop", 5, 2, 2, T0 + STORE_FLIGHT_SPAN_MS - 1, "long ago\n"});
    assert_string_equal(list(f, "shop").missing, "1-1 ;2-2 ;1-2 ;2-3 ;;;");
}

static void test_the_oldest_records_go(void **state)
{
    struct fixture *f = *state;
    char text[64];
    give(f, (struct sent){"other", 1, 1, 1, T0, "of another's\n"});
    for (unsigned number = 1; number <= 3 * STORE_FLIGHTS_MAX; number++) {
        give(f, part_of(number, 1, text));
    }
    const struct listed l = list(f, "shop");
    assert_int_equal(l.count, STORE_FLIGHTS_MAX);
    assert_int_equal(l.rows[0].number, 3 * STORE_FLIGHTS_MAX);
    assert_int_equal(l.rows[l.count - 1].number, 2 * STORE_FLIGHTS_MAX + 1);
    assert_int_equal(list(f, "other").count, 1);
    assert_int_equal(f->store.stats.flight_dropped, 2 * STORE_FLIGHTS_MAX);
}

// A text of 1,000 bytes that ends a line.
static const char *kilobyte(char letter)
{
    static char text[1001];
    memset(text, letter, 999);
    text[999] = '\n';
    return text;
}

static void reopen_with(struct fixture *f, uint32_t device_bytes, uint32_t bytes)
{
    close_store(f);
    f->cfg.flight_device_bytes = device_bytes;
    f->cfg.flight_bytes = bytes;
    assert_true(open_store(f));
}

static void test_a_record_larger_than_all_room_keeps_its_newest_parts(void **state)
{
    struct fixture *f = *state;
    reopen_with(f, 4 * (1000 + STORE_FLIGHT_PART_BYTES), 1 << 20);
    give(f, (struct sent){"shop", 1, 1, 1, T0, kilobyte('a')});
    for (unsigned part = 1; part <= 7; part++) {
        give(f, (struct sent){"shop", 2, part, 7, T0, kilobyte((char)('a' + part))});
    }
    const struct listed l = list(f, "shop");
    assert_int_equal(l.count, 1);
    assert_int_equal(l.rows[0].number, 2);
    assert_string_equal(l.missing, "1-3 ;");
    assert_int_equal(l.rows[0].size, 4000);
}

static void test_of_all_the_one_who_holds_most_loses(void **state)
{
    struct fixture *f = *state;
    reopen_with(f, 1 << 20, 6 * (1000 + STORE_FLIGHT_PART_BYTES));
    for (unsigned number = 1; number <= 4; number++) {
        give(f, (struct sent){"shop", number, 1, 1, T0, kilobyte('a')});
    }
    for (unsigned number = 1; number <= 3; number++) {
        give(f, (struct sent){"other", number, 1, 1, T0, kilobyte('b')});
    }
    assert_int_equal(list(f, "shop").count, 3);
    assert_int_equal(list(f, "other").count, 3);
    // Who holds the most loses its own, also when it is the one that sends.
    give(f, (struct sent){"other", 4, 1, 1, T0, kilobyte('c')});
    assert_int_equal(list(f, "shop").count, 3);
    const struct listed l = list(f, "other");
    assert_int_equal(l.count, 3);
    assert_int_equal(l.rows[0].number, 4);
    assert_int_equal(l.rows[2].number, 2);
}

static void test_what_says_no_part_is_set_aside(void **state)
{
    struct fixture *f = *state;
    struct flight_part p;
    static const struct {
        const char *bag;
        enum err err;
    } cases[] = {
        {"t=flight&id=1&part=1&parts=1", OK},
        {"parts=4096&part=4096&id=4294967295&t=f%6Cight&x", OK},
        {"t=flight&id=1&part=0&parts=1", ERR_CORRUPT},
        {"t=flight&id=1&part=2&parts=1", ERR_CORRUPT},
        {"t=flight&id=1&part=1&parts=4097", ERR_CORRUPT},
        {"t=flight&id=4294967296&part=1&parts=1", ERR_CORRUPT},
        {"t=flight&id=-1&part=1&parts=1", ERR_CORRUPT},
        {"t=flight&id=1&part=1e0&parts=1", ERR_CORRUPT},
        {"t=flight&id=&part=1&parts=1", ERR_CORRUPT},
        {"t=flight&id=1&part=1", ERR_CORRUPT},
        {"t=flight&id=1&id=1&part=1&parts=1", ERR_CORRUPT},
        {"t=s&t=flight&id=1&part=1&parts=1", ERR_CORRUPT},
        {"t=s&j=0000000000000001&n=1", ERR_NOT_FOUND},
        {"t=flight&id=1&part=1&parts=1&x=%4", ERR_NOT_FOUND},
        {"", ERR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct bytes bag = bytes_of(cases[i].bag, strlen(cases[i].bag));
        assert_int_equal(flight_part_read(bag, &p), cases[i].err);
    }
    give(f, (struct sent){"shop", 1, 2, 1, T0, "part 2 of 1"});
    assert_int_equal(f->store.stats.aside, 1);
    assert_int_equal(f->store.stats.flight_parts, 0);
}

// Returns whether the cut came before all was sent.
static bool cut_at(uint64_t step)
{
    static struct fixture f;
    static char want[TEXT_MAX_SIZE];
    static char got[TEXT_MAX_SIZE];
    char text[64];
    memset(&f, 0, sizeof(f));
    sqlite_disk_init(&f.disk, step);
    f.cfg = (struct store_config){.path = "store.db", .vfs = "sim", .site_max = 2, .series_max = 8};
    f.disk.cut_at = step;
    struct store_sync sync;
    uint64_t durable = 0;
    bool is_open = open_store(&f);
    bool can_sync = is_open && store_sync_open(&sync, &f.store) == OK;
    for (unsigned i = 0; can_sync && i < PARTS && !f.disk.is_off; i++) {
        (void)try_send(&f, part_of(3, PARTS - i, text));
        durable = i % 2 == 0 && store_sync_run(&sync) == OK ? store_durable(&f.store) : durable;
    }
    if (can_sync) {
        store_sync_close(&sync);
    }
    if (is_open) {
        close_store(&f);
    }
    const bool was_cut = f.disk.is_off;
    sqlite_disk_restart(&f.disk);
    // From the position on, as a log is read again.
    assert_true(open_store(&f));
    assert_true(f.store.position >= durable);
    assert_true(was_cut || durable > 0);
    f.sequence = f.store.position;
    for (uint64_t i = f.sequence; i < PARTS; i++) {
        give(&f, part_of(3, (unsigned)(PARTS - i), text));
    }
    const struct listed l = list(&f, "shop");
    assert_int_equal(l.count, 1);
    assert_string_equal(l.missing, ";");
    expected(3, want);
    whole(&f, l.rows[0].id, got);
    assert_string_equal(got, want);
    assert_int_equal(l.rows[0].size, strlen(want));
    close_store(&f);
    sqlite_disk_deinit(&f.disk);
    return was_cut;
}

static void test_a_cut_at_any_write_loses_and_repeats_nothing(void **state)
{
    (void)state;
    uint64_t step = 1;
    while (cut_at(step)) {
        step++;
    }
    assert_true(step > PARTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_order_and_again_is_the_same_record, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_is_missing_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_gateway_that_counts_anew_mixes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_oldest_records_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_record_larger_than_all_room_keeps_its_newest_parts,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_all_the_one_who_holds_most_loses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_says_no_part_is_set_aside, setup, teardown),
        cmocka_unit_test(test_a_cut_at_any_write_loses_and_repeats_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
