// SPDX-License-Identifier: Apache-2.0
// Goal: a light is ours while it is open, and afterwards what it was. Method: the kernel's files,
// played by a folder.
#include "port/linux/led.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static void put(const char *file, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

// A write to such a file starts at its beginning and does not shorten it.
static void expect(const char *file, const char *begin)
{
    char path[128];
    char text[128] = "";
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(text, sizeof(text), in));
    fclose(in);
    assert_memory_equal(text, begin, strlen(begin));
}

static void test_a_light_is_given_back(void **state)
{
    (void)state;
    struct led led;
    snprintf(folder, sizeof(folder), "/tmp/busward-led-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(led_open(&led, folder), ERR_NOT_FOUND);
    put("brightness", "0\n");
    put("max_brightness", "255\n");
    put("trigger", "none usb-gadget [heartbeat] timer\n");
    assert_int_equal(led_open(&led, folder), OK);
    expect("trigger", "none");
    assert_int_equal(led_set(&led, true), OK);
    expect("brightness", "255");
    assert_int_equal(led_set(&led, false), OK);
    expect("brightness", "0");
    led_close(&led);
    expect("trigger", "heartbeat");
    char path[128];
    snprintf(path, sizeof(path), "%s/trigger", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/max_brightness", folder);
    unlink(path);
    assert_int_equal(led_open(&led, folder), OK); // a simple one
    assert_int_equal(led_set(&led, true), OK);
    expect("brightness", "1");
    snprintf(path, sizeof(path), "%s/brightness", folder);
    unlink(path);
    assert_int_equal(led_set(&led, true), ERR_IO); // it went away
    led_close(&led);
    rmdir(folder);
    assert_int_equal(led_open(&led, "no such light"), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_light_is_given_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
