// SPDX-License-Identifier: Apache-2.0
// Goal: whatever lies in the data folder, the gateway starts with a configuration that loads, and
// says why if it is not the one that was wanted. Method: real files in a folder of its own.
#include "apps/gateway/files_linux.h"
#include "apps/gateway/twin/remote_setup_linux.h"
#include "apps/gateway/twin/remote_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 512 };

static char folder[PATH_SIZE];
static struct arena arena;
static struct config_report report;
static struct config config;
static struct remote_setup setup;

static void write_file(const char *name, const char *text)
{
    char path[PATH_SIZE * 2];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static void write_local(const char *head)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "{%s\"gateway\":{\"id\":\"g\",\"name\":\"here\",\"data_dir\":\"%s\"},\"buses\":[{"
             "\"name\":\"one\",\"port\":\"tty:/dev/a\",\"devices\":["
             "{\"name\":\"d\",\"unit\":1,\"profile\":\"p\"}]}]}",
             head, folder);
    write_file("local.json", text);
}

#define HUB "\"hub\":{\"host\":\"h\",\"key_file\":\"/k\"},"

static int make_folder(void **state)
{
    (void)state;
    char path[PATH_SIZE * 2];
    snprintf(folder, sizeof(folder), "/tmp/busward-remote-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("profiles/p.json", "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":"
                                  "1000}],\"points\":[{\"name\":\"t\",\"address\":0}]}");
    write_local(HUB);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const files[] = {
        "profiles/p.json",      "profiles", "config/state", "config/units", "config/config-a.json",
        "config/config-b.json", "config",   "local.json",   "key",          ""};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[PATH_SIZE * 2];
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)remove(path);
    }
    return 0;
}

// As the program begins.
static void begin(void)
{
    static char path[PATH_SIZE * 2]; // the set-up keeps it
    snprintf(path, sizeof(path), "%s/local.json", folder);
    assert_int_equal(config_memory(&arena, &report), OK);
    const struct config_source source = {.path = path, .files = config_files_linux()};
    assert_int_equal(config_load(&source, &arena, &report, &config), OK);
    assert_int_equal(remote_setup(&setup, &arena, path, NULL, &config), OK);
}

static void end(void)
{
    linux_cells_close(&setup.cells);
    free(arena.data);
}

static void stage(const char *content, uint64_t hash)
{
    uint32_t unit = 1;
    begin();
    assert_int_equal(remote_state_stage(&setup.state, (struct remote_name){5, hash},
                                        bytes_of(content, strlen(content)), &unit, 1),
                     OK);
    end();
}

static void accept(void)
{
    begin();
    assert_true(setup.is_trial);
    assert_int_equal(remote_state_accept(&setup.state), OK);
    end();
}

static void expect_local(const char *reason)
{
    uint64_t hash = 0;
    begin();
    assert_false(setup.is_trial);
    assert_string_equal(config.gateway.name, "here");
    assert_int_equal(remote_hash(bytes_of("{}", 2), &hash), OK);
    assert_true(setup.running.hash == hash && setup.content.size == 2);
    if (strstr(setup.state.reason, reason) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", setup.state.reason, reason);
    }
    end();
}

static void test_nothing_there_is_the_file_alone(void **state)
{
    (void)state;
    expect_local("");
    write_local(""); // no hub: nothing is looked at, nothing made
    begin();
    assert_false(setup.is_on);
    end();
    write_local(HUB "\"remote\":{\"enabled\":false},");
    begin();
    assert_false(setup.is_on);
    end();
}

static void test_a_trial_has_three_starts(void **state)
{
    (void)state;
    stage("{\"gateway\":{\"name\":\"there\"},\"hub\":{\"host\":\"x\"}}", 7);
    for (int i = 0; i < REMOTE_TRIES_MAX; i++) {
        begin();
        assert_true(setup.is_trial && setup.fits);
        assert_string_equal(config.gateway.name, "there");
        assert_string_equal(config.hub.host, "h");
        assert_non_null(memmem(setup.warnings.data, setup.warnings.size, "\"path\":\"hub\"", 12));
        end();
    }
    expect_local("did not stay up");
    stage("{\"gateway\":{\"name\":\"there\"}}", 7);
    accept();
    begin();
    assert_false(setup.is_trial);
    assert_string_equal(config.gateway.name, "there");
    end();
}

static void test_what_cannot_start_is_given_up_at_once(void **state)
{
    (void)state;
    stage("{\"gateway\":{\"name\":\"there\"}}", 7);
    begin();
    assert_true(remote_setup_failed(&setup, "no room"));
    end();
    expect_local("no room");
    begin();
    assert_false(remote_setup_failed(&setup, "again")); // nothing better is left
    end();
}

static void test_a_trial_that_does_not_load_is_given_up_at_once(void **state)
{
    (void)state;
    stage("{\"gateway\":{\"nane\":\"there\"}}", 7);
    expect_local("gateway.nane: unknown key");
    stage("{\"profiles\":[{\"ref\":{\"name\":\"p\",\"sha256\":"
          "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"url\":\"https://a/b\"}}]}",
          8);
    expect_local("not fetched"); // the cache was lost
}

static void test_an_accepted_one_may_not_fit_another_local_file(void **state)
{
    (void)state;
    stage("{\"buses\":[{\"name\":\"one\",\"baud\":300}]}", 7);
    accept();
    begin();
    assert_int_equal(config.buses[0].baud, 300);
    end();
    char text[2048];
    snprintf(text, sizeof(text),
             "{" HUB "\"gateway\":{\"id\":\"g\",\"name\":\"here\",\"data_dir\":\"%s\"},\"buses\":[{"
             "\"name\":\"renamed\",\"port\":\"tty:/dev/a\",\"devices\":["
             "{\"name\":\"d\",\"unit\":1,\"profile\":\"p\"}]}]}",
             folder);
    write_file("local.json", text);
    expect_local("");
    begin();
    assert_int_equal(setup.state.rejected.hash, 0); // with the file put right it may be staged anew
    end();
}

static void test_damage_is_no_verdict(void **state)
{
    (void)state;
    stage("{\"gateway\":{\"name\":\"there\"}}", 7);
    write_file("config/config-a.json", "{\"gateway\":{\"name\":\"THERE\"}}");
    begin();
    assert_false(setup.is_trial);
    assert_int_equal(setup.state.rejected.hash, 0); // it may be staged anew
    end();
    stage("{\"gateway\":{\"name\":\"there\"}}", 7);
    accept();
    write_file("config/state", "BWtc and more");
    expect_local("");
    stage("{\"gateway\":{\"name\":\"there\"}}", 7); // good after bad
    begin();
    assert_true(setup.is_trial);
    end();
}

// Else the next start would end, and nobody would poll.
static void test_no_restart_into_a_start_that_would_fail(void **state)
{
    (void)state;
    char key[PATH_SIZE * 2];
    char hub[PATH_SIZE * 3];
    snprintf(key, sizeof(key), "%s/key", folder);
    snprintf(hub, sizeof(hub), "\"hub\":{\"host\":\"h\",\"key_file\":\"%s\"},", key);
    write_local(hub);
    write_file("key", "MDEyMzQ1Njc4OWFiY2RlZg==");
    assert_int_equal(chmod(key, 0600), 0);
    begin();
    assert_true(remote_setup_may_restart(&setup));
    assert_int_equal(chmod(key, 0644), 0);
    assert_false(remote_setup_may_restart(&setup));
    assert_int_equal(chmod(key, 0600), 0);
    assert_true(remote_setup_may_restart(&setup));
    write_file("local.json", "{");
    assert_false(remote_setup_may_restart(&setup));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_there_is_the_file_alone, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_a_trial_has_three_starts, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_what_cannot_start_is_given_up_at_once, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_a_trial_that_does_not_load_is_given_up_at_once,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_an_accepted_one_may_not_fit_another_local_file,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damage_is_no_verdict, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_no_restart_into_a_start_that_would_fail, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
