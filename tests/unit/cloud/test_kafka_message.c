// SPDX-License-Identifier: Apache-2.0
// Goal: a message of IoT Hub's that comes by Kafka is the same record that our hub would have
// written, whoever tampers with headers is refused, and nothing that cannot be read stops. Method:
// headers in the encodings of AMQP 1.0, each cut at every byte.
#include "apps/cloud/ingest/kafka_message.h"
#include "telemetry/property_bag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STAMP INT64_C(1700000000123)
#define HEADER(name_, value_)                                                                      \
    {                                                                                              \
        .name = (name_), .value = {(const uint8_t *)(value_), sizeof(value_) - 1 }                 \
    }
#define DEVICE "iothub-connection-device-id"

static uint8_t bag[HUB_PROPERTIES_SIZE_MAX];
static struct hub_record record;
static const char *why;

static enum kafka_kind read_headers(const struct kafka_header *headers, size_t count)
{
    const struct kafka_message message = {
        .headers = headers, .header_count = count, .payload = bytes_of("{}", 2), .stamp_ms = STAMP};
    return kafka_message_read(&message, bag, sizeof(bag), &record, &why);
}

static void assert_text(struct bytes got, const char *expected)
{
    assert_int_equal(got.size, strlen(expected));
    assert_memory_equal(got.data, expected, got.size);
}

static void test_a_message_as_azure_routes_it(void **state)
{
    (void)state;
    static const struct kafka_header headers[] = {
        HEADER("iothub-connection-auth-method", "\xa1\x02{}"),
        HEADER(DEVICE, "\xa1\x06shop-1"),
        HEADER("iothub-enqueuedtime", "\x83\x00\x00\x01\x8b\xcf\xe5\x68\x00"),
        HEADER("iothub-message-source", "\xa1\x09Telemetry"),
        HEADER("x-opt-sequence-number", "\x55\x07"),
        HEADER("content-type", "application/json"),
        HEADER("content-encoding", "utf-8"),
        HEADER("t", "\xa1\x01s"),
        HEADER("j", "\xb1\x00\x00\x00\x10"
                    "00000000000000ff"),
        HEADER("n", "\xa3\x02"
                    "42"),
    };
    assert_int_equal(read_headers(headers, sizeof(headers) / sizeof(headers[0])), KAFKA_D2C);
    assert_text(record.device_id, "shop-1");
    assert_text(record.payload, "{}");
    assert_int_equal(record.received_utc_ms, INT64_C(1700000000000));
    assert_text(record.properties,
                "$.ct=application%2Fjson&$.ce=utf-8&t=s&j=00000000000000ff&n=42");
    struct tm_bag fields;
    assert_int_equal(tm_bag_read(record.properties, &fields), OK);
    assert_int_equal(fields.kind, TM_MESSAGE_SAMPLES);
    assert_int_equal(fields.journal_id, 255);
    assert_int_equal(fields.number, 42);
}

static void test_properties_are_escaped(void **state)
{
    (void)state;
    static const struct kafka_header headers[] = {
        HEADER(DEVICE, "\xa1\x01"
                       "d"),
        HEADER("a&b", "\xa1\x03=&%"), HEADER("number", "\x55\x07"), // no text: passed over
    };
    assert_int_equal(read_headers(headers, 3), KAFKA_D2C);
    assert_text(record.properties, "a%26b=%3D%26%25");
    assert_int_equal(record.received_utc_ms, STAMP); // the broker's, without IoT Hub's own
}

static void test_what_is_no_message_of_a_device(void **state)
{
    (void)state;
    static const struct kafka_header twin[] = {
        HEADER(DEVICE, "\xa1\x01"
                       "d"),
        HEADER("iothub-message-source", "\xa1\x10twinChangeEvents"),
    };
    assert_int_equal(read_headers(twin, 2), KAFKA_OTHER);
    assert_int_equal(read_headers(NULL, 0), KAFKA_BAD);
    assert_non_null(strstr(why, DEVICE));
}

static void test_a_forged_or_unreadable_device_is_refused(void **state)
{
    (void)state;
    static const struct kafka_header twice[] = {
        HEADER(DEVICE, "\xa1\x01"
                       "a"),
        HEADER(DEVICE, "\xa1\x01"
                       "b"),
    };
    assert_int_equal(read_headers(twice, 2), KAFKA_BAD);
    assert_non_null(strstr(why, "twice"));
    static const struct kafka_header bad[] = {
        HEADER(DEVICE, ""),
        HEADER(DEVICE, "\xa1"),
        HEADER(DEVICE, "\xa1\x00"),
        HEADER(DEVICE, "\xa1\x02"
                       "a"), // shorter than it says
        HEADER(DEVICE, "\xa1\x01"
                       "ab"),                   // longer
        HEADER(DEVICE, "\xb1\xff\xff\xff\xff"), // 4 GiB
        HEADER(DEVICE, "a b"),
        HEADER(DEVICE, "a/b"),
        HEADER(DEVICE, "a+"),
        HEADER(DEVICE, "a\n"),
        HEADER(DEVICE, "\xc3\xa4"), // no ASCII
        HEADER(DEVICE, "\x83\x00\x00\x01\x8b\xcf\xe5\x68\x00"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_headers(&bad[i], 1), KAFKA_BAD);
        assert_true(strlen(why) > 0);
    }
    // The limit and one beyond it, plain as a bridge of one's own may send it.
    char name[HUB_ID_SIZE_MAX + 1];
    memset(name, 'x', sizeof(name));
    struct kafka_header header = {.name = DEVICE, .value = {(uint8_t *)name, HUB_ID_SIZE_MAX}};
    assert_int_equal(read_headers(&header, 1), KAFKA_D2C);
    header.value.size++;
    assert_int_equal(read_headers(&header, 1), KAFKA_BAD);
}

static void test_sizes_have_limits(void **state)
{
    (void)state;
    static char large[HUB_PROPERTIES_SIZE_MAX];
    memset(large, 'x', sizeof(large));
    struct kafka_header headers[] = {
        HEADER(DEVICE, "\xa1\x01"
                       "d"),
        {.name = "k", .value = {(uint8_t *)large, HUB_PROPERTIES_SIZE_MAX - 2}},
    };
    assert_int_equal(read_headers(headers, 2), KAFKA_D2C);
    headers[1].value.size++;
    assert_int_equal(read_headers(headers, 2), KAFKA_BAD);
    uint8_t *payload = malloc(HUB_PAYLOAD_SIZE_MAX + 1);
    memset(payload, ' ', HUB_PAYLOAD_SIZE_MAX + 1);
    struct kafka_message message = {
        .headers = headers, .header_count = 1, .payload = {payload, HUB_PAYLOAD_SIZE_MAX}};
    assert_int_equal(kafka_message_read(&message, bag, sizeof(bag), &record, &why), KAFKA_D2C);
    message.payload.size++;
    assert_int_equal(kafka_message_read(&message, bag, sizeof(bag), &record, &why), KAFKA_BAD);
    free(payload);
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at_ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T23:59:59.5Z", INT64_C(951868799500)},
        {"2026-01-31T12:00:00.123Z", INT64_C(1769860800123)},
        {"2026-01-31T12:00:00.1234567Z", INT64_C(1769860800123)},
        {"\xa1\x14"
         "2026-01-31T12:00:00Z",
         INT64_C(1769860800000)},
    };
    int64_t at_ms = -1;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct bytes text = bytes_of(good[i].text, strlen(good[i].text));
        assert_int_equal(kafka_header_time(text, &at_ms), OK);
        assert_int_equal(at_ms, good[i].at_ms);
    }
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-01-31",
                                      "2026-01-31T12:00:00",
                                      "2026-13-31T12:00:00Z",
                                      "2026-01-32T12:00:00Z",
                                      "2026-01-31 12:00:00Z",
                                      "2026-01-31T12:00:00ZZ",
                                      "1969-12-31T23:59:59Z",
                                      "9999-01-01T00:00:00Z",
                                      "\x83",
                                      "\x83\xff\xff\xff\xff\xff\xff\xff\xff"};
    at_ms = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct bytes text = bytes_of(bad[i], strlen(bad[i]));
        assert_int_equal(kafka_header_time(text, &at_ms), ERR_CORRUPT);
        assert_int_equal(at_ms, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_as_azure_routes_it),
        cmocka_unit_test(test_properties_are_escaped),
        cmocka_unit_test(test_what_is_no_message_of_a_device),
        cmocka_unit_test(test_a_forged_or_unreadable_device_is_refused),
        cmocka_unit_test(test_sizes_have_limits),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
