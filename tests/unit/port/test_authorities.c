// SPDX-License-Identifier: Apache-2.0
// Goal: only names that OpenSSL would look for count, and what cannot be used is told in words that
// help. Method: real folders; what OpenSSL makes of what lies there is tested in sys_authorities.
#include "port/linux/authorities.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/busward-authorities-XXXXXX";
static char folder[64], bundle[64];

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void set_up(void)
{
    memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof(folder), "%s/certs", root);
    snprintf(bundle, sizeof(bundle), "%s/bundle.pem", root);
    assert_int_equal(mkdir(folder, 0755), 0);
}

static void tear_down(void)
{
    static const char *const NAMES[] = {
        "certs/one.pem",     "certs/11111111.0", "certs/22222222.0",  "certs/22222222.1",
        "certs/33333333.0",  "certs/2222222g.0", "certs/44444444.r0", "certs/4444444.0",
        "certs/555555555.0", "certs/66666666.",  "certs/77777777.0a", "bundle.pem"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", root, NAMES[i]);
        assert_true(unlink(path) == 0 || errno == ENOENT);
    }
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(root), 0);
}

static bool count_it(void *ctx, const char *path)
{
    assert_int_equal(strncmp(path, folder, strlen(folder)), 0);
    *(int *)ctx += 1;
    return true;
}

static void test_only_hashed_names_count(void **state)
{
    (void)state;
    int count = 0;
    set_up();
    put("certs/one.pem", "");
    put("certs/2222222g.0", "");
    put("certs/44444444.r0", ""); // a revocation list
    put("certs/4444444.0", "");
    put("certs/555555555.0", "");
    put("certs/66666666.", "");
    put("certs/77777777.0a", "");
    char dangling[128];
    snprintf(dangling, sizeof(dangling), "%s/33333333.0", folder);
    assert_int_equal(symlink("absent.pem", dangling), 0);
    assert_int_equal(authorities_each(folder, count_it, &count), 0);
    assert_non_null(strstr(authorities_problem(folder), "openssl rehash"));
    put("certs/22222222.0", "");
    put("certs/22222222.1", ""); // another with the same hash
    assert_int_equal(authorities_each(folder, count_it, &count), 2);
    assert_int_equal(count, 2);
    assert_null(authorities_problem(folder));
    tear_down();
}

static void test_what_is_not_there_is_told(void **state)
{
    (void)state;
    set_up();
    assert_string_equal(authorities_problem(bundle), "No such file or directory");
    put("bundle.pem", "");
    assert_null(authorities_problem(bundle)); // what is in it OpenSSL judges
    assert_false(authorities_is_folder(bundle));
    assert_true(authorities_is_folder(folder));
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_hashed_names_count),
        cmocka_unit_test(test_what_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
