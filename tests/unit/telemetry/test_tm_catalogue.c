// SPDX-License-Identifier: Apache-2.0
// Goal: a catalogue of any size travels in messages that fit a block, and comes out whole or not.
#include "base/assert.h"
#include "base/crc.h"
#include "telemetry/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS = 150, TEXT = 65536, LABELS = 64 };

static const struct tm_label labels[] = {
    {0, "closed"}, {-1, "opening \"slowly\""}, {INT64_MAX, "open"}};

static struct tm_point make_point(uint32_t id)
{
    return (struct tm_point){.id = id,
                             .type = id % 3 == 0 ? TM_TYPE_ENUM : TM_TYPE_INT,
                             .exponent = id % 3 == 0 ? 0 : -2,
                             .name = "temperature",
                             .unit = "\xc2\xb0"
                                     "C",
                             .area = id % 2 == 0 ? "vegetables" : NULL,
                             .device = "Receiver",
                             .sensor = "Cold shelf 12",
                             .interval_ms = 60000,
                             .resolution_ms = 1000,
                             .has_low = true,
                             .low = -1.5,
                             .has_high = id % 2 == 0,
                             .high = 8,
                             .is_diagnostic = id % 5 == 0,
                             .labels = id % 3 == 0 ? labels : NULL,
                             .label_count = id % 3 == 0 ? 3 : 0};
}

static void make_points(struct tm_point *points, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        points[i] = make_point(1 + 2 * i);
    }
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static void check_point(const struct tm_point *a, const struct tm_point *b)
{
    assert_true(a->id == b->id && a->type == b->type && a->exponent == b->exponent);
    assert_true(same_text(a->name, b->name) && same_text(a->unit, b->unit));
    assert_true(same_text(a->area, b->area) && same_text(a->device, b->device));
    assert_true(same_text(a->sensor, b->sensor));
    assert_true(a->interval_ms == b->interval_ms && a->resolution_ms == b->resolution_ms);
    assert_true(a->has_low == b->has_low && a->has_high == b->has_high);
    assert_true(a->is_diagnostic == b->is_diagnostic);
    assert_true(!a->has_low || (a->low >= b->low && a->low <= b->low));
    assert_true(!a->has_high || (a->high >= b->high && a->high <= b->high));
    assert_int_equal(a->label_count, b->label_count);
    for (uint16_t i = 0; i < a->label_count; i++) {
        assert_true(a->labels[i].code == b->labels[i].code);
        assert_true(same_text(a->labels[i].text, b->labels[i].text));
    }
}

static struct tm_catalogue_memory read_memory(void)
{
    static struct tm_point points[POINTS];
    static struct tm_label label_memory[LABELS];
    static char text[TEXT];
    return (struct tm_catalogue_memory){.points = points,
                                        .point_capacity = POINTS,
                                        .labels = label_memory,
                                        .label_capacity = LABELS,
                                        .text = text,
                                        .text_capacity = TEXT};
}

static void test_a_catalogue_travels_in_parts(void **state)
{
    (void)state;
    static struct tm_point points[POINTS];
    make_points(points, POINTS);
    struct tm_catalogue catalogue;
    const struct tm_site site = {.name = "Store 1", .time_zone = "Europe/Berlin"};
    assert_int_equal(tm_catalogue_init(&catalogue, &site, points, POINTS, NULL), OK);
    char out[TM_BODY_SIZE_MAX];
    struct tm_catalogue_cursor cursor = {.index = 0};
    struct tm_catalogue_memory memory = read_memory();
    uint64_t seed = HASH64_START;
    uint32_t read = 0;
    size_t size = 0;
    enum err err = OK;
    while ((err = tm_catalogue_write(&catalogue, &cursor, out, sizeof(out), &size)) == OK) {
        struct tm_catalogue_part part;
        assert_int_equal(tm_catalogue_read(bytes_of(out, size), seed, &memory, &part), OK);
        assert_true(part.hash == catalogue.hash);
        assert_int_equal(part.point_total, POINTS);
        assert_int_equal(part.first, read);
        assert_string_equal(part.site.name, read == 0 ? "Store 1" : "");
        assert_string_equal(part.site.time_zone, read == 0 ? "Europe/Berlin" : "");
        for (uint32_t i = 0; i < part.count; i++) {
            check_point(&memory.points[i], &points[read + i]);
        }
        read += part.count;
        seed = part.part_hash;
    }
    assert_int_equal(err, ERR_EMPTY);
    assert_int_equal(read, POINTS);
    assert_true(seed == catalogue.hash);
    assert_in_range(cursor.part, 4, 10);
}

static void test_an_empty_catalogue_is_one_message(void **state)
{
    (void)state;
    struct tm_catalogue catalogue;
    struct tm_catalogue_cursor cursor = {.index = 0};
    struct tm_catalogue_memory memory = read_memory();
    struct tm_catalogue_part part;
    char out[TM_BODY_SIZE_MAX];
    size_t size = 0;
    assert_int_equal(tm_catalogue_init(&catalogue, NULL, NULL, 0, NULL), OK);
    assert_int_equal(tm_catalogue_write(&catalogue, &cursor, out, sizeof(out), &size), OK);
    assert_int_equal(tm_catalogue_read(bytes_of(out, size), HASH64_START, &memory, &part), OK);
    assert_true(part.count == 0 && part.part_hash == part.hash);
    assert_int_equal(tm_catalogue_write(&catalogue, &cursor, out, sizeof(out), &size), ERR_EMPTY);
}

static void test_the_largest_point_fits_into_one_message(void **state)
{
    (void)state;
    char name[TM_NAME_SIZE_MAX + 2] = "";
    char label[TM_LABEL_SIZE_MAX + 2] = "";
    char unit[TM_UNIT_SIZE_MAX + 1] = "";
    memset(name, '"', TM_NAME_SIZE_MAX);
    memset(label, '\\', TM_LABEL_SIZE_MAX);
    memset(unit, '"', TM_UNIT_SIZE_MAX);
    struct tm_label many[TM_LABEL_COUNT_MAX];
    for (size_t i = 0; i < TM_LABEL_COUNT_MAX; i++) {
        many[i] = (struct tm_label){INT64_MIN, label};
    }
    struct tm_point point = {.id = UINT32_MAX,
                             .type = TM_TYPE_DOUBLE,
                             .name = name,
                             .unit = unit,
                             .area = name,
                             .device = name,
                             .sensor = name,
                             .interval_ms = UINT32_MAX,
                             .resolution_ms = 10000,
                             .has_low = true,
                             .low = -1.2345678901234567e-300,
                             .has_high = true,
                             .high = -1.2345678901234567e-300,
                             .is_diagnostic = true,
                             .labels = many,
                             .label_count = TM_LABEL_COUNT_MAX};
    struct tm_catalogue catalogue;
    struct tm_catalogue_cursor cursor = {.index = 0};
    char out[TM_BODY_SIZE_MAX];
    size_t size = 0;
    uint32_t bad = 7;
    char zone[TM_ZONE_SIZE_MAX + 2] = "";
    memset(zone, 'Z', TM_ZONE_SIZE_MAX);
    const struct tm_site site = {.name = name, .time_zone = zone};
    assert_int_equal(tm_catalogue_init(&catalogue, &site, &point, 1, &bad), OK);
    assert_int_equal(tm_catalogue_write(&catalogue, &cursor, out, sizeof(out), &size), OK);
    zone[TM_ZONE_SIZE_MAX] = 'x';
    assert_int_equal(tm_catalogue_init(&catalogue, &site, &point, 1, &bad), ERR_ARG);
    assert_int_equal(bad, 1);
    name[TM_NAME_SIZE_MAX] = 'x';
    assert_int_equal(tm_catalogue_init(&catalogue, NULL, &point, 1, &bad), ERR_ARG);
    assert_int_equal(bad, 0);
    name[TM_NAME_SIZE_MAX] = '\0';
    label[TM_LABEL_SIZE_MAX] = 'x';
    assert_int_equal(tm_catalogue_init(&catalogue, NULL, &point, 1, &bad), ERR_ARG);
}

static void test_only_a_diagnostic_says_what_it_is(void **state)
{
    (void)state;
    struct tm_point point = {.id = 1, .name = "busy", .device = "line 1"};
    struct tm_catalogue_memory memory = read_memory();
    struct tm_catalogue_part part;
    struct tm_catalogue catalogue;
    char out[TM_BODY_SIZE_MAX + 1] = "";
    size_t size = 0;
    for (int i = 0; i < 2; i++) {
        struct tm_catalogue_cursor cursor = {.index = 0};
        point.is_diagnostic = i == 1;
        assert_int_equal(tm_catalogue_init(&catalogue, NULL, &point, 1, NULL), OK);
        assert_int_equal(tm_catalogue_write(&catalogue, &cursor, out, TM_BODY_SIZE_MAX, &size), OK);
        out[size] = '\0';
        assert_true((strstr(out, ",\"diag\":true}") != NULL) == point.is_diagnostic);
        assert_int_equal(tm_catalogue_read(bytes_of(out, size), HASH64_START, &memory, &part), OK);
        assert_true(memory.points[0].is_diagnostic == point.is_diagnostic);
    }
    memcpy(strstr(out, "true}"), "1111}", 5); // no truth value
    assert_int_equal(tm_catalogue_read(bytes_of(out, size), HASH64_START, &memory, &part),
                     ERR_CORRUPT);
}

static void test_wrong_points_are_refused_by_index(void **state)
{
    (void)state;
    struct tm_point good[3];
    make_points(good, 3);
    for (int i = 0; i < 9; i++) {
        struct tm_point points[3];
        memcpy(points, good, sizeof(points));
        switch (i) {
        case 0: points[2].id = points[1].id; break;
        case 1: points[2].name = NULL; break;
        case 2: points[2].device = ""; break;
        case 3: points[2].name = "a\xff"; break;
        case 4: points[2].area = "a\nb"; break;
        case 5: points[2].exponent = TM_EXPONENT_MAX + 1; break;
        case 6: points[2].resolution_ms = 3; break;
        case 7: points[2].label_count = TM_LABEL_COUNT_MAX + 1; break;
        default: points[2].low = 1e300 * 1e300; break;
        }
        struct tm_catalogue catalogue;
        uint32_t bad = 0;
        assert_int_equal(tm_catalogue_init(&catalogue, NULL, points, 3, &bad), ERR_ARG);
        assert_int_equal(bad, 2);
    }
}

static void test_the_site_is_part_of_the_hash(void **state)
{
    (void)state;
    struct tm_point point = make_point(1);
    const struct tm_site sites[] = {
        {NULL, NULL},       {"Store 1", ""},          {"Store 2", ""},
        {"Store 1", "UTC"}, {"Store 1", "Etc/GMT+1"}, {"", "Etc/GMT+1"}};
    struct tm_catalogue all[COUNT_OF(sites)];
    for (size_t i = 0; i < COUNT_OF(sites); i++) {
        assert_int_equal(tm_catalogue_init(&all[i], &sites[i], &point, 1, NULL), OK);
        for (size_t k = 0; k < i; k++) {
            assert_true(all[i].hash != all[k].hash);
        }
    }
    struct tm_catalogue none;
    assert_int_equal(tm_catalogue_init(&none, NULL, &point, 1, NULL), OK);
    assert_true(none.hash == all[0].hash);
}

static void test_time_zones_are_plausible(void **state)
{
    (void)state;
    static const char *const good[] = {
        "UTC",        "Europe/Berlin",          "America/Argentina/Buenos_Aires",
        "Etc/GMT-14", "America/Port-au-Prince", "EST5EDT"};
    static const char *const wrong[] = {"",     "/UTC",  "UTC/", "Europe//Berlin", "Europe/Ber lin",
                                        "+1",   "1UTC",  "..",   "Europe/../etc",  "a\"b",
                                        "a\\b", "Zürich"};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(tm_time_zone_is_plausible(good[i]));
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_false(tm_time_zone_is_plausible(wrong[i]));
    }
}

static enum err read_text(const char *text)
{
    struct tm_catalogue_memory memory = read_memory();
    struct tm_catalogue_part part;
    return tm_catalogue_read(bytes_of(text, strlen(text)), HASH64_START, &memory, &part);
}

static void test_a_site_stands_once_and_in_front_of_the_points(void **state)
{
    (void)state;
#define HEAD "{\"v\":1,\"k\":\"c\",\"c\":\"937182ee14b4075b\",\"n\":1,"
#define SITE "\"site\":{\"name\":\"Store 1\",\"new\":[1],\"time_zone\":\"\"}"
#define NONE "\"p\":[]"
    assert_int_equal(read_text(HEAD "\"f\":0," SITE "," NONE "}"), OK);
    assert_int_equal(read_text(HEAD "\"f\":1," SITE "," NONE "}"), ERR_CORRUPT);
    assert_int_equal(read_text(HEAD "\"f\":0," NONE "," SITE "}"), ERR_CORRUPT);
    assert_int_equal(read_text(HEAD "\"f\":0," SITE "," SITE "," NONE "}"), ERR_CORRUPT);
    assert_int_equal(read_text(HEAD "\"f\":0,\"site\":3," NONE "}"), ERR_CORRUPT);
    assert_int_equal(read_text(HEAD "\"site\":{\"time_zone\":\"a b\"}," NONE "}"), ERR_CORRUPT);
    assert_int_equal(read_text("{\"v\":1,\"k\":\"e\",\"c\":\"937182ee14b4075b\"," SITE "}"),
                     ERR_CORRUPT);
}

static void test_ids_are_found(void **state)
{
    (void)state;
    static struct tm_point points[POINTS];
    make_points(points, POINTS);
    struct tm_catalogue catalogue;
    assert_int_equal(tm_catalogue_init(&catalogue, NULL, points, POINTS, NULL), OK);
    for (uint32_t i = 0; i < POINTS; i++) {
        uint32_t index = 0;
        assert_int_equal(tm_catalogue_index(&catalogue, 1 + 2 * i, &index), OK);
        assert_int_equal(index, i);
        assert_int_equal(tm_catalogue_index(&catalogue, 2 * i, &index), ERR_NOT_FOUND);
    }
}

static void test_memory_and_damage_are_noticed(void **state)
{
    (void)state;
    static struct tm_point points[3];
    make_points(points, 3);
    struct tm_catalogue catalogue;
    struct tm_catalogue_cursor cursor = {.index = 0};
    struct tm_catalogue_part part;
    char out[TM_BODY_SIZE_MAX];
    size_t size = 0;
    assert_int_equal(tm_catalogue_init(&catalogue, NULL, points, 3, NULL), OK);
    assert_int_equal(tm_catalogue_write(&catalogue, &cursor, out, sizeof(out), &size), OK);
    struct tm_catalogue_memory memory = read_memory();
    memory.point_capacity = 2;
    assert_int_equal(tm_catalogue_read(bytes_of(out, size), 0, &memory, &part), ERR_SIZE);
    memory = read_memory();
    memory.label_capacity = 2;
    assert_int_equal(tm_catalogue_read(bytes_of(out, size), 0, &memory, &part), ERR_SIZE);
    memory = read_memory();
    memory.text_capacity = 64;
    assert_int_equal(tm_catalogue_read(bytes_of(out, size), 0, &memory, &part), ERR_SIZE);
    memory = read_memory();
    for (size_t cut = 0; cut < size; cut++) {
        char *copy = malloc(cut > 0 ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, out, cut);
        assert_int_equal(tm_catalogue_read(bytes_of(copy, cut), 0, &memory, &part), ERR_CORRUPT);
        free(copy);
    }
    assert_int_equal(tm_catalogue_read(bytes_of(out, size), HASH64_START, &memory, &part), OK);
    assert_true(part.part_hash == part.hash);
    char *name = strstr(out, "Receiver");
    assert_non_null(name);
    name[0] = 'r';
    assert_int_equal(tm_catalogue_read(bytes_of(out, size), HASH64_START, &memory, &part), OK);
    assert_true(part.part_hash != part.hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_catalogue_travels_in_parts),
        cmocka_unit_test(test_an_empty_catalogue_is_one_message),
        cmocka_unit_test(test_the_largest_point_fits_into_one_message),
        cmocka_unit_test(test_only_a_diagnostic_says_what_it_is),
        cmocka_unit_test(test_wrong_points_are_refused_by_index),
        cmocka_unit_test(test_the_site_is_part_of_the_hash),
        cmocka_unit_test(test_time_zones_are_plausible),
        cmocka_unit_test(test_a_site_stands_once_and_in_front_of_the_points),
        cmocka_unit_test(test_ids_are_found),
        cmocka_unit_test(test_memory_and_damage_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
