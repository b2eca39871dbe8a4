// SPDX-License-Identifier: Apache-2.0
// Goal: the folder of files keeps the promises of the two seams, and carries a record log from one
// process life to the next. In a fresh folder below /tmp.
#include "port/linux/cells.h"
#include "port/linux/storage.h"
#include "seglog/reader.h"
#include "seglog/seglog.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct bench {
    char folder[64];
    struct linux_storage files;
    struct linux_cells cells;
};

static int set_up(void **state)
{
    static struct bench bench;
    snprintf(bench.folder, sizeof(bench.folder), "/tmp/busward-storage-XXXXXX");
    *state = &bench;
    return mkdtemp(bench.folder) != NULL &&
                   linux_storage_open(&bench.files, bench.folder, false) == OK &&
                   linux_cells_open(&bench.cells, bench.folder) == OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    linux_storage_close(&bench->files);
    linux_cells_close(&bench->cells);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", bench->folder);
    return system(command);
}

static void test_segments_as_the_seam_says(void **state)
{
    struct bench *bench = *state;
    const struct storage *s = &bench->files.storage;
    struct storage_segment list[3];
    size_t count = 9;
    uint8_t out[16];
    size_t got = 0;
    assert_int_equal(s->ops->list(s->ctx, 0, list, 3, &count), OK);
    assert_int_equal(count, 0);
    assert_int_equal(s->ops->read(s->ctx, 1, 0, out, 4, &got), ERR_NOT_FOUND);
    assert_int_equal(s->ops->truncate(s->ctx, 1, 0), ERR_NOT_FOUND);
    const uint64_t ids[] = {700, 2, UINT64_MAX, 30, 5};
    for (size_t i = 0; i < 5; i++) {
        struct bytes parts[3] = {bytes_of("abc", 3), bytes_of("", 0), bytes_of("defgh", i)};
        assert_int_equal(s->ops->append(s->ctx, ids[i], parts, 3), OK);
        assert_int_equal(s->ops->sync(s->ctx, ids[i]), OK);
    }
    assert_int_equal(s->ops->list(s->ctx, 3, list, 3, &count), OK);
    assert_int_equal(count, 3);
    assert_true(list[0].id == 5 && list[1].id == 30 && list[2].id == 700);
    assert_true(list[0].size == 7 && list[1].size == 6 && list[2].size == 3);
    assert_int_equal(s->ops->list(s->ctx, 701, list, 3, &count), OK);
    assert_true(count == 1 && list[0].id == UINT64_MAX);
    assert_int_equal(s->ops->read(s->ctx, 5, 2, out, sizeof(out), &got), OK);
    assert_int_equal(got, 5);
    assert_memory_equal(out, "cdefg", 5);
    assert_int_equal(s->ops->truncate(s->ctx, 5, 4), OK);
    struct bytes tail = bytes_of("XY", 2);
    assert_int_equal(s->ops->append(s->ctx, 5, &tail, 1), OK);
    assert_int_equal(s->ops->read(s->ctx, 5, 0, out, sizeof(out), &got), OK);
    assert_int_equal(got, 6);
    assert_memory_equal(out, "abcdXY", 6);
    assert_int_equal(s->ops->remove(s->ctx, 5), OK);
    assert_int_equal(s->ops->remove(s->ctx, 5), ERR_NOT_FOUND);
    assert_int_equal(s->ops->read(s->ctx, 5, 0, out, sizeof(out), &got), ERR_NOT_FOUND);
}

static void test_cells_as_the_seam_says(void **state)
{
    struct bench *bench = *state;
    const struct cells *c = &bench->cells.cells;
    struct cell_name list[2];
    size_t count = 9;
    char out[4];
    size_t size = 0;
    assert_int_equal(c->ops->list(c->ctx, "consumers", list, 2, &count), OK);
    assert_int_equal(count, 0);
    assert_int_equal(c->ops->read(c->ctx, "consumers/b", out, 4, &size), ERR_NOT_FOUND);
    assert_int_equal(c->ops->replace(c->ctx, "consumers/b", bytes_of("12", 2)), OK);
    assert_int_equal(c->ops->replace(c->ctx, "consumers/b", bytes_of("345", 3)), OK);
    assert_int_equal(c->ops->replace(c->ctx, "consumers/a", bytes_of("", 0)), OK);
    assert_int_equal(c->ops->read(c->ctx, "consumers/b", out, 3, &size), OK);
    assert_true(size == 3 && memcmp(out, "345", 3) == 0);
    assert_int_equal(c->ops->read(c->ctx, "consumers/b", out, 2, &size), ERR_SIZE);
    assert_int_equal(c->ops->list(c->ctx, "consumers", list, 2, &count), OK);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].text, "consumers/a");
    assert_int_equal(c->ops->replace(c->ctx, "consumers/c", bytes_of("", 0)), OK);
    assert_int_equal(c->ops->list(c->ctx, "consumers", list, 2, &count), ERR_SIZE);
    assert_int_equal(c->ops->remove(c->ctx, "consumers/c"), OK);
    assert_int_equal(c->ops->publish(c->ctx, "head", bytes_of("abcd", 4)), OK);
    assert_int_equal(c->ops->publish(c->ctx, "head", bytes_of("wxyz", 4)), OK);
    assert_int_equal(c->ops->read(c->ctx, "head", out, 4, &size), OK);
    assert_true(size == 4 && memcmp(out, "wxyz", 4) == 0);
    const char *bad[] = {"", "..", "../x", "a/b/c", "/x", "x/", ".hidden", "A", "a b", "a/../b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(c->ops->replace(c->ctx, bad[i], bytes_of("", 0)), ERR_ARG);
    }
}

static void test_a_log_lives_on_and_is_read_by_another(void **state)
{
    struct bench *bench = *state;
    static uint8_t buffer[4096];
    struct sl_config cfg = {
        .storage = &bench->files.storage,
        .buffer = buffer,
        .buffer_size = sizeof(buffer),
        .payload_size_max = 100,
        .segment_size = 300,
    };
    struct seglog log;
    struct sl_recovery found;
    for (uint64_t life = 0; life < 5; life++) {
        assert_int_equal(sl_recover(&log, &cfg, &found), OK);
        assert_true(found.next == 1 + life * 20 && found.torn_bytes == 0);
        for (int i = 0; i < 20; i++) {
            struct bytes part = bytes_of("some record", 11);
            uint64_t sequence = 0;
            assert_int_equal(sl_append(&log, 1, &part, 1, &sequence), OK);
            assert_int_equal(sl_sync(&log), OK);
        }
        linux_storage_close(&bench->files);
        assert_int_equal(linux_storage_open(&bench->files, bench->folder, false), OK);
    }
    struct linux_storage other;
    assert_int_equal(linux_storage_open(&other, bench->folder, false), ERR_BUSY);
    assert_int_equal(linux_storage_open(&other, bench->folder, true), OK);
    struct sl_reader reader;
    struct sl_reader_config reader_cfg = {&other.storage, buffer, sizeof(buffer)};
    sl_reader_init(&reader, &reader_cfg, 7);
    struct sl_record record;
    for (uint64_t sequence = 7; sequence <= 100; sequence++) {
        assert_int_equal(sl_reader_next(&reader, 101, &record), OK);
        assert_true(record.sequence == sequence && record.payload.size == 11);
    }
    assert_int_equal(sl_reader_next(&reader, 101, &record), ERR_EMPTY);
    assert_int_equal(other.storage.ops->remove(other.storage.ctx, 1), ERR_DENIED);
    linux_storage_close(&other);
}

static uint64_t disk_of(const struct bench *bench, uint64_t *size)
{
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s/0000000000000001.seg", bench->folder);
    assert_int_equal(stat(path, &status), 0);
    *size = (uint64_t)status.st_size;
    return (uint64_t)status.st_blocks * 512;
}

static void test_a_segment_has_its_disk_from_its_beginning(void **state)
{
    enum { RESERVE = 128 * 1024 };
    struct bench *bench = *state;
    const struct storage *s = &bench->files.storage;
    struct bytes part = bytes_of("abcdefgh", 8);
    uint64_t size = 0;
    linux_storage_reserve(&bench->files, RESERVE);
    assert_int_equal(s->ops->append(s->ctx, 1, &part, 1), OK);
    if (fallocate(bench->files.append_fd, FALLOC_FL_KEEP_SIZE, 0, 8) != 0 && errno == EOPNOTSUPP) {
        skip(); // a file system that reserves nothing
    }
    assert_true(disk_of(bench, &size) >= RESERVE);
    assert_int_equal(size, 8);
    // Cutting a torn end gives all beyond it back: it is taken again.
    assert_int_equal(s->ops->truncate(s->ctx, 1, 3), OK);
    assert_true(disk_of(bench, &size) >= RESERVE);
    assert_int_equal(size, 3);
    assert_int_equal(s->ops->append(s->ctx, 1, &part, 1), OK);
    assert_int_equal(s->ops->sync(s->ctx, 1), OK);
    (void)disk_of(bench, &size);
    assert_int_equal(size, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_segments_as_the_seam_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cells_as_the_seam_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_log_lives_on_and_is_read_by_another, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_segment_has_its_disk_from_its_beginning, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
