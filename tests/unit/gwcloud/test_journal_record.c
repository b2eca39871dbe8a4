// SPDX-License-Identifier: Apache-2.0
// Goal: a journal that a newer version wrote is read on: a reason unknown here is "other", and
// nothing else of its record is lost. Method: a record with every reason, whose numbers are raised.
#include "apps/gateway/journal/journal_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = TM_REASON_LAST + 1 };

static size_t written(uint8_t out[512], struct tm_sample samples[COUNT])
{
    for (size_t i = 0; i < COUNT; i++) {
        samples[i] = (struct tm_sample){.at_us = 1000 * i,
                                        .point = (uint32_t)(10 + 3 * i),
                                        .quality = i == TM_REASON_NONE ? TM_GOOD : TM_STALE,
                                        .reason = (enum tm_reason)i,
                                        .value = i == 0 ? tm_int(7, 0) : (struct tm_value){0}};
    }
    struct writer w = writer_of(out, 512);
    assert_int_equal(journal_put_samples(&w, 1, 100, samples, COUNT, 512), COUNT);
    return w.size;
}

// Reads all of it; the reasons may differ.
static void read_back(const uint8_t *data, size_t size, const struct tm_sample samples[COUNT],
                      enum tm_reason reasons[COUNT])
{
    struct reader r = reader_of(bytes_of(data, size));
    struct journal_section section;
    struct tm_sample sample = {0};
    assert_int_equal(journal_section_next(&r, &section), OK);
    assert_int_equal(section.tag, SECTION_SAMPLES);
    assert_int_equal(section.u.samples.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        struct tm_sample previous = sample;
        assert_int_equal(journal_sample_get(&section.u.samples, &previous, &sample), OK);
        assert_int_equal(sample.point, samples[i].point);
        assert_int_equal(sample.at_us, samples[i].at_us);
        assert_int_equal(sample.quality, samples[i].quality);
        assert_true(tm_value_equal(&sample.value, &samples[i].value));
        reasons[i] = sample.reason;
    }
}

static void test_a_reason_of_a_newer_version_is_other(void **state)
{
    (void)state;
    uint8_t data[512];
    struct tm_sample samples[COUNT];
    enum tm_reason reasons[COUNT];
    size_t size = written(data, samples);
    read_back(data, size, samples, reasons);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(reasons[i], i);
    }
    // The last sample: flags, reason, point and time, which are one byte and two, no value.
    size_t at = size - 4;
    assert_int_equal(data[at], TM_REASON_LAST);
    for (unsigned newer = TM_REASON_LAST + 1; newer <= UINT8_MAX; newer++) {
        data[at] = (uint8_t)newer;
        read_back(data, size, samples, reasons);
        assert_int_equal(reasons[COUNT - 1], TM_REASON_OTHER);
        assert_int_equal(reasons[COUNT - 2], TM_REASON_LAST - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reason_of_a_newer_version_is_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
