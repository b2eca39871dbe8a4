// SPDX-License-Identifier: Apache-2.0
// Goal: tokens signed by another implementation open what they name and nothing else; any changed
// byte, key or field does not. Vectors: tests/vectors/azure_sas_tokens.txt.
#include "apps/hub/sas.h"

#include "base/text_forms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { VECTORS_MAX = 8, LINE_SIZE = 1024 };

struct vector {
    struct hub_sas_key key;
    char token[LINE_SIZE];
};

static struct {
    const char *path;
    struct vector list[VECTORS_MAX];
    size_t count;
} vectors;

static struct bytes text(const char *string)
{
    return bytes_of(string, strlen(string));
}

static int load(void **state)
{
    (void)state;
    FILE *file = fopen(vectors.path, "r");
    if (file == NULL) {
        return -1;
    }
    char line[LINE_SIZE];
    while (fgets(line, sizeof(line), file) != NULL && vectors.count < VECTORS_MAX) {
        char *space = strchr(line, ' ');
        if (line[0] == '#' || space == NULL) {
            continue;
        }
        struct vector *vector = &vectors.list[vectors.count];
        if (base64_decode(bytes_of(line, (size_t)(space - line)), vector->key.bytes,
                          HUB_KEY_SIZE_MAX, &vector->key.size) != OK) {
            return -1;
        }
        size_t size = strcspn(space + 1, "\n");
        memcpy(vector->token, space + 1, size);
        vector->token[size] = '\0';
        vectors.count++;
    }
    fclose(file);
    return vectors.count == 4 ? 0 : -1;
}

static void test_tokens_of_another_implementation(void **state)
{
    (void)state;
    for (size_t i = 0; i < vectors.count; i++) {
        const struct vector *vector = &vectors.list[i];
        struct hub_sas sas;
        const char *why = NULL;
        assert_int_equal(hub_sas_parse(text(vector->token), &sas, &why), OK);
        assert_true(sas.expires_utc_s == 1800000000);
        assert_true(hub_sas_is_signed(&sas, &vector->key, 1));
        struct hub_sas_key two[2] = {vectors.list[(i + 1) % vectors.count].key, vector->key};
        assert_false(hub_sas_is_signed(&sas, two, 1));
        assert_true(hub_sas_is_signed(&sas, two, 2)); // the secondary key
    }
}

static void test_any_changed_byte_is_refused(void **state)
{
    (void)state;
    const struct vector *vector = &vectors.list[0];
    size_t size = strlen(vector->token);
    for (size_t at = 0; at < size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            char token[LINE_SIZE];
            memcpy(token, vector->token, size + 1);
            token[at] = (char)((uint8_t)token[at] ^ 1U << bit);
            struct hub_sas sas;
            const char *why = NULL;
            bool is_good = hub_sas_parse(bytes_of(token, size), &sas, &why) == OK &&
                           hub_sas_is_signed(&sas, &vector->key, 1);
            // Only the letter case of an escape in sig changes nothing.
            char was = vector->token[at];
            bool is_same = bit == 5 && was >= 'A' && was <= 'Z' && at > 2 &&
                           (token[at - 1] == '%' || token[at - 2] == '%') &&
                           strstr(vector->token, "sig=") < vector->token + at;
            if (is_good != is_same) {
                fail_msg("byte %zu bit %d: %s", at, bit, token);
            }
        }
    }
}

static void test_fields_in_any_order_and_none_twice(void **state)
{
    (void)state;
    static const char *const good[] = {"SharedAccessSignature sr=h&sig=s&se=1",
                                       "SharedAccessSignature se=1&sig=s&sr=h",
                                       "SharedAccessSignature sig=s&skn=&se=1&sr=h",
                                       "SharedAccessSignature sr=h&sig=s&se=999999999999999999"};
    static const char *const bad[] = {"",
                                      "SharedAccessSignature",
                                      "SharedAccessSignature ",
                                      "sharedaccesssignature sr=h&sig=s&se=1",
                                      "SharedAccessSignature sr=h&sig=s",
                                      "SharedAccessSignature sr=h&se=1",
                                      "SharedAccessSignature sig=s&se=1",
                                      "SharedAccessSignature sr=h&sr=h&sig=s&se=1",
                                      "SharedAccessSignature sr=h&sig=s&se=1&x=2",
                                      "SharedAccessSignature sr=h&sig=s&se=-1",
                                      "SharedAccessSignature sr=h&sig=s&se=1 ",
                                      "SharedAccessSignature sr&sig=s&se=1",
                                      "SharedAccessSignature sr=h&sig=s&se=1000000000000000000",
                                      "SharedAccessSignature &"};
    struct hub_sas sas;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *why = NULL;
        assert_int_equal(hub_sas_parse(text(good[i]), &sas, &why), OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *why = NULL;
        assert_int_equal(hub_sas_parse(text(bad[i]), &sas, &why), ERR_ARG);
        assert_non_null(why);
    }
}

static bool opens(const char *resource, const char *module)
{
    struct hub_sas sas = {.resource = text(resource)};
    return hub_sas_opens(&sas, text("hub.org"), text("gw-1"), text(module));
}

static void test_resource_by_whole_segments(void **state)
{
    (void)state;
    assert_true(opens("hub.org%2Fdevices%2Fgw-1", ""));
    assert_true(opens("hub.org%2fdevices%2fgw-1", ""));
    assert_true(opens("HUB.org/devices/gw-1", ""));
    assert_true(opens("hub.org", ""));
    assert_true(opens("hub.org%2Fdevices", ""));
    assert_true(opens("hub.org%2Fdevices%2Fgw-1", "m"));
    assert_true(opens("hub.org%2Fdevices%2Fgw-1%2Fmodules%2Fm", "m"));
    assert_false(opens("hub.org%2Fdevices%2Fgw-1%2Fmodules%2Fm", ""));
    assert_false(opens("hub.org%2Fdevices%2Fgw-1%2Fmodules%2Fmm", "m"));
    assert_false(opens("hub.org%2Fdevices%2Fgw", ""));
    assert_false(opens("hub.org%2Fdevices%2Fgw-11", ""));
    assert_false(opens("hub.org%2Fdevices%2FGW-1", ""));
    assert_false(opens("hub.or", ""));
    assert_false(opens("hub.orgs", ""));
    assert_false(opens("", ""));
    assert_false(opens("hub.org%2Fdevices%2Fgw-1%", ""));
}

int main(int argc, char **argv)
{
    vectors.path = argc > 1 ? argv[1] : "tests/vectors/azure_sas_tokens.txt";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_of_another_implementation),
        cmocka_unit_test(test_any_changed_byte_is_refused),
        cmocka_unit_test(test_fields_in_any_order_and_none_twice),
        cmocka_unit_test(test_resource_by_whole_segments),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
