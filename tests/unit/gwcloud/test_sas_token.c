// SPDX-License-Identifier: Apache-2.0
// Goal: a hub accepts our tokens. Method: a token computed by another implementation (Python's hmac
// and urllib) as vector; key files good and bad, each limit and limit + 1.
#include "apps/gateway/north/sas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text_of(const char *text)
{
    return bytes_of(text, strlen(text));
}

static void test_token_equals_another_implementation(void **state)
{
    (void)state;
    struct sas_identity id;
    const char *problem;
    assert_int_equal(sas_identity_parse(text_of("MDEyMzQ1Njc4OWFiY2RlZg=="), &id, &problem), OK);
    assert_memory_equal(id.key.data, "0123456789abcdef", 16);
    char token[SAS_TOKEN_SIZE_MAX];
    assert_int_equal(
        sas_token(&id.key, "hub.example.com", "store 1", 1767225600, token, sizeof(token)), OK);
    assert_string_equal(token,
                        "SharedAccessSignature sr=hub.example.com%2fdevices%2fstore%201"
                        "&sig=hd5dxpnlnhMjjahy7Zk8rakZx3VorDyLj%2f526PomV%2fQ%3d&se=1767225600");
}

static void test_registration_token_and_derived_key_equal_another_implementation(void **state)
{
    (void)state;
    const struct sas_key group = {.data = "0123456789abcdef", .size = 16};
    char token[SAS_TOKEN_SIZE_MAX];
    assert_int_equal(sas_dps_token(&group, "0ne", "box-7", 1767225600, token, sizeof(token)), OK);
    assert_string_equal(token, "SharedAccessSignature sr=0ne%2fregistrations%2fbox-7"
                               "&sig=sZ9o%2b85gZ%2fVKIbXoG0d9XBAPMxUuP8A6dNg6zt9%2fiQM%3d"
                               "&se=1767225600&skn=registration");
    struct sas_key derived;
    char text[SAS_KEY_TEXT_SIZE_MAX];
    sas_derive_key(&group, "box-7", &derived);
    sas_key_text(&derived, text);
    assert_string_equal(text, "IngmFT8KX8Jio/61RF/Wr1guX5JP/ZI6X/I6/Y88Cyk=");
}

static void test_token_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct sas_key key = {.size = 16};
    char token[SAS_TOKEN_SIZE_MAX];
    assert_int_equal(sas_token(&key, "h", "d", 1, token, sizeof(token)), OK);
    size_t size = strlen(token) + 1;
    assert_int_equal(sas_token(&key, "h", "d", 1, token, size), OK);
    assert_int_equal(sas_token(&key, "h", "d", 1, token, size - 1), ERR_SIZE);
    assert_int_equal(sas_token(&key, "h", "d", -1, token, size), ERR_ARG);
}

static void test_connection_string_in_any_order(void **state)
{
    (void)state;
    struct sas_identity id;
    const char *problem;
    assert_int_equal(
        sas_identity_parse(text_of("  DeviceId=s1;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==;"
                                   "HostName=hub.local\n"),
                           &id, &problem),
        OK);
    assert_string_equal(id.host, "hub.local");
    assert_string_equal(id.device, "s1");
    assert_int_equal(id.key.size, 16);
}

static void test_bad_key_files_say_why(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " \n",
        "not base64!",
        "MDEyMzQ1Njc4OWFiY2RlZg=",
        "MDEyMzQ1Njc4OWFiY2Rl",  // 15 bytes
        "HostName=h;DeviceId=d", // no key
        "HostName=;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==",
        "HostName=h;Key=MDEyMzQ1Njc4OWFiY2RlZg==",
        "MDEyMzQ1Njc4OWFiY2RlZg==MDEyMzQ1Njc4OWFiY2RlZg==",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sas_identity id;
        const char *problem = NULL;
        assert_int_equal(sas_identity_parse(text_of(bad[i]), &id, &problem), ERR_ARG);
        assert_non_null(problem);
    }
}

static void test_key_sizes_up_to_the_limits(void **state)
{
    (void)state;
    // 64 bytes are 86 digits and "=="; one group more is 66 bytes or more.
    char text[96];
    memset(text, 'A', sizeof(text));
    memcpy(text + 86, "==", 2);
    struct sas_identity id;
    const char *problem;
    assert_int_equal(sas_identity_parse(bytes_of(text, 88), &id, &problem), OK);
    assert_int_equal(id.key.size, SAS_KEY_SIZE_MAX);
    text[86] = 'A';
    assert_int_equal(sas_identity_parse(bytes_of(text, 88), &id, &problem), ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_equals_another_implementation),
        cmocka_unit_test(test_registration_token_and_derived_key_equal_another_implementation),
        cmocka_unit_test(test_token_that_does_not_fit_is_refused),
        cmocka_unit_test(test_connection_string_in_any_order),
        cmocka_unit_test(test_bad_key_files_say_why),
        cmocka_unit_test(test_key_sizes_up_to_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
