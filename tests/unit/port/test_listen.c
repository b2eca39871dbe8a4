// SPDX-License-Identifier: Apache-2.0
#include "port/linux/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; // NULL: refused
        int port;
        bool is_loopback;
    } rows[] = {
        {"127.0.0.1:8443", "127.0.0.1", 8443, true},
        {"127.9.0.1:0", "127.9.0.1", 0, true},
        {"0.0.0.0:443", "0.0.0.0", 443, false},
        {"[::1]:443", "::1", 443, true},
        {"[::]:65535", "::", 65535, false},
        {"::1:443", "::1", 443, true},
        {"127.0.0.1:65536", NULL, 0, false},
        {"127.0.0.1:", NULL, 0, false},
        {"127.0.0.1:1x", NULL, 0, false},
        {"127.0.0.1:1234567", NULL, 0, false},
        {"127.0.0.1", NULL, 0, false},
        {"localhost:443", NULL, 0, false},
        {":443", NULL, 0, false},
        {"[]:443", NULL, 0, false},
        {"", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct listen_address address;
        const bool is_good = listen_parse(rows[i].text, &address);
        if (is_good != (rows[i].host != NULL) ||
            (is_good && (strcmp(address.host, rows[i].host) != 0 || address.port != rows[i].port ||
                         address.is_loopback != rows[i].is_loopback))) {
            fail_msg("%s", rows[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
