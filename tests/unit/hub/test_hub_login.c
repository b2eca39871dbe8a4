// SPDX-License-Identifier: Apache-2.0
// Goal: who gets in and who does not, by every way of proof, at the hub and at DPS; certificates
// are made here, with everything about them wrong in turn.
#include "port/api/hmac.h"
#include "tests/unit/hub/certs.h"
#include "tests/unit/hub/hub_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

enum { FROM_S = 1000000, NOW_S = 2000000, TO_S = 3000000 };

static int client;

static struct bytes text(const char *string)
{
    return hub_bench_text(string);
}

static int set_up(void **state)
{
    *state = hub_bench_open(HUB_MODE_HUB, 16);
    return *state != NULL ? 0 : -1;
}

static int set_up_dps(void **state)
{
    *state = hub_bench_open(HUB_MODE_DPS, 16);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    return hub_bench_close(*state);
}

// NULL: in.
static const char *why_not(struct hub_bench *bench, const struct hub_connect *in)
{
    struct hub_answer answer = hub_connect(&bench->hub, in);
    assert_true((answer.outcome == HUB_OK) == (answer.why == NULL));
    if (answer.outcome == HUB_OK) {
        hub_disconnect(&bench->hub, in->client, in->client_id);
    }
    return answer.why;
}

static void assert_refused(struct hub_bench *bench, const struct hub_connect *in, const char *why)
{
    const char *said = why_not(bench, in);
    if (said == NULL || strstr(said, why) == NULL) {
        fail_msg("\"%s\" instead of \"%s\"", said != NULL ? said : "(in)", why);
    }
}

static void run_with(struct hub_bench *bench, const char *sql, struct bytes first,
                     struct bytes second)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(bench->writer, sql, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_blob(statement, 1, first.data, (int)first.size, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, (const char *)second.data, (int)second.size, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
}

static const char *with_policy(struct hub_bench *bench, const char *resource, const char *key,
                               const char *policy)
{
    struct hub_connect in = hub_bench_connect(bench, &client, "a", 1);
    struct hub_bench_token token = {resource, key, 1000, policy};
    in.password = hub_bench_sign(bench, &token);
    return why_not(bench, &in);
}

static void test_tokens_of_policies(void **state)
{
    struct hub_bench *bench = *state;
    static const char other[] = "fedcba9876543210";
    hub_bench_run(bench,
                  "INSERT INTO policy VALUES ('device', x'66656463626139383736353433323130', NULL,"
                  " 8, 'hub'), ('service', x'66656463626139383736353433323130', NULL, 7, 'hub'),"
                  "('dps', x'66656463626139383736353433323130', NULL, 255, 'dps'),"
                  "('empty', NULL, NULL, 255, 'hub')");
    assert_null(with_policy(bench, "h.org", other, "device"));
    assert_null(with_policy(bench, "h.org%2Fdevices%2Fa", other, "device"));
    assert_null(with_policy(bench, "h.org%2Fdevices%2Fa", other, "%64evice"));
    static const struct {
        const char *resource, *key, *policy, *why;
    } cases[] = {
        {"h.org", HUB_BENCH_KEY, "device", "not signed"},
        {"h.org", other, "service", "DeviceConnect"},
        {"h.org", other, "dps", "unknown policy"},
        {"h.org", other, "nobody", "unknown policy"},
        {"h.org", "", "empty", "not signed"},
        {"h.org", "", "nobody", "unknown policy"},
        {"h.org%2Fdevices%2Fb", other, "device", "another resource"},
        {"other.org", other, "device", "another resource"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = with_policy(bench, cases[i].resource, cases[i].key, cases[i].policy);
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].why));
    }
    hub_bench_run(bench, "UPDATE device SET enabled = 0 WHERE id = 'a'");
    assert_string_equal(with_policy(bench, "h.org", other, "device"), "device disabled");
    hub_bench_run(bench, "DELETE FROM device WHERE id = 'a'");
    assert_string_equal(with_policy(bench, "h.org", other, "device"), "unknown device");
    // A policy that loses its right or key closes those who came by it.
    struct hub_connect in = hub_bench_connect(bench, &client, "b", 1);
    struct hub_bench_token token = {"h.org", other, 1000, "device"};
    in.password = hub_bench_sign(bench, &token);
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
    hub_directory_poll(&bench->directory);
    hub_bench_run(bench, "UPDATE policy SET rights = 4 WHERE name = 'device'");
    hub_tick(&bench->hub, 1, hub_directory_poll(&bench->directory));
    assert_string_equal(hub_bench_next(bench).close_why, "credential changed");
}

static struct hub_connect by_certificate(struct hub_bench *bench, const char *id,
                                         const struct hub_certificate *shown)
{
    struct hub_connect in = hub_bench_connect(bench, &client, id, NOW_S);
    in.password = text("");
    in.certificate = shown;
    return in;
}

static void test_thumbprints(void **state)
{
    struct hub_bench *bench = *state;
    struct test_cert mine;
    struct test_cert other;
    test_cert_make(
        &mine, &(struct test_cert_wish){.name = "whoever", .from_utc_s = FROM_S, .to_utc_s = TO_S});
    test_cert_make(&other,
                   &(struct test_cert_wish){.name = "a", .from_utc_s = FROM_S, .to_utc_s = TO_S});
    struct hub_certificate shown = test_cert_shown(&mine, NULL);
    struct hub_certificate foreign = test_cert_shown(&other, NULL);
    struct hub_connect in = by_certificate(bench, "a", &shown);
    assert_refused(bench, &in, "by key, not by certificate");
    hub_bench_run(bench, "UPDATE device SET auth = 1 WHERE id = 'a'");
    assert_refused(bench, &in, "does not match a thumbprint"); // there is none
    run_with(bench, "UPDATE device SET thumb2 = ? WHERE id = 'a' AND ? IS NOT NULL",
             bytes_of(shown.sha1.bytes, shown.sha1.size), text(""));
    assert_null(why_not(bench, &in));
    run_with(bench, "UPDATE device SET thumb2 = NULL, thumb1 = ? WHERE id = 'a' AND ? IS NOT NULL",
             bytes_of(shown.sha256.bytes, shown.sha256.size), text(""));
    assert_null(why_not(bench, &in));
    in.certificate = &foreign; // its name is right, and nothing else
    assert_refused(bench, &in, "does not match a thumbprint");
    in.certificate = NULL;
    assert_refused(bench, &in, "neither token nor certificate");
    in = by_certificate(bench, "b", &shown);
    assert_refused(bench, &in, "by key, not by certificate");
    in = by_certificate(bench, "c", &shown);
    assert_refused(bench, &in, "unknown device");
    struct hub_connect by_key = hub_bench_connect(bench, &client, "a", 1);
    assert_refused(bench, &by_key, "by certificate, not by key"); // though it has a key
    by_key.certificate = &shown;                                  // a token counts if there is one
    assert_refused(bench, &by_key, "by certificate, not by key");
    in = by_certificate(bench, "a", &shown);
    in.utc_s = FROM_S - 1;
    assert_refused(bench, &in, "not valid yet");
    in.utc_s = TO_S;
    assert_refused(bench, &in, "expired");
    in.utc_s = TO_S - 1;
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
    hub_tick(&bench->hub, TO_S - 1, false);
    assert_true(hub_bench_is_quiet(bench));
    hub_tick(&bench->hub, TO_S, false);
    assert_string_equal(hub_bench_next(bench).close_why, "certificate expired");
    hub_disconnect(&bench->hub, &client, text("a"));
    in.utc_s = NOW_S;
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
    hub_directory_poll(&bench->directory);
    hub_bench_run(bench, "UPDATE device SET thumb1 = zeroblob(32)");
    hub_tick(&bench->hub, NOW_S, hub_directory_poll(&bench->directory));
    assert_string_equal(hub_bench_next(bench).close_why, "credential changed");
    test_cert_free(&mine);
    test_cert_free(&other);
}

struct family {
    struct test_cert root, middle, leaf, direct, elder, rogue, forged, child, server, twins, late;
};

static void make_family(struct family *f)
{
    const struct {
        struct test_cert *out;
        struct test_cert_wish wish;
    } members[] = {
        {&f->root, {.name = "root", .is_authority = true}},
        {&f->middle, {.name = "middle", .issuer = &f->root, .is_authority = true}},
        {&f->leaf, {.name = "a", .issuer = &f->middle}},
        {&f->direct, {.name = "a", .issuer = &f->root}},
        {&f->elder, {.name = "b", .issuer = &f->root}},
        {&f->rogue, {.name = "root", .is_authority = true}}, // a namesake
        {&f->forged, {.name = "a", .issuer = &f->rogue}},
        {&f->child, {.name = "a", .issuer = &f->elder}}, // signed by another device
        {&f->server, {.name = "a", .issuer = &f->root, .is_for_servers = true}},
        {&f->twins, {.name = "a", .second_name = "b", .issuer = &f->root}},
        {&f->late, {.name = "a", .issuer = &f->root, .from_utc_s = TO_S - 1}},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct test_cert_wish wish = members[i].wish;
        wish.from_utc_s = wish.from_utc_s != 0 ? wish.from_utc_s : FROM_S;
        wish.to_utc_s = TO_S;
        test_cert_make(members[i].out, &wish);
    }
}

static void free_family(struct family *f)
{
    struct test_cert *all[] = {&f->root,   &f->middle, &f->leaf,   &f->direct, &f->elder, &f->rogue,
                               &f->forged, &f->child,  &f->server, &f->twins,  &f->late};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        test_cert_free(all[i]);
    }
}

static void refuse_leaf(struct hub_bench *bench, const char *id, const struct test_cert *leaf,
                        const struct test_cert *behind, const char *why)
{
    struct hub_certificate shown = test_cert_shown(leaf, behind);
    struct hub_connect in = by_certificate(bench, id, &shown);
    assert_refused(bench, &in, why);
    test_cert_shown_free(&shown);
}

static void admit_leaf(struct hub_bench *bench, const char *id, const struct test_cert *leaf,
                       const struct test_cert *behind)
{
    struct hub_certificate shown = test_cert_shown(leaf, behind);
    struct hub_connect in = by_certificate(bench, id, &shown);
    assert_null(why_not(bench, &in));
    test_cert_shown_free(&shown);
}

static void test_chains(void **state)
{
    struct hub_bench *bench = *state;
    struct family f;
    make_family(&f);
    static const char no_chain[] = "does not chain";
    hub_bench_run(bench, "UPDATE device SET auth = 2");
    refuse_leaf(bench, "a", &f.direct, NULL, no_chain); // no authority yet
    run_with(bench, "INSERT INTO ca(name, pem, verified) SELECT 'root', ?2, 0 WHERE ?1 IS NULL",
             (struct bytes){0}, text(test_cert_pem(&f.root)));
    refuse_leaf(bench, "a", &f.direct, NULL, no_chain); // nobody proved to hold it
    hub_bench_run(bench, "UPDATE ca SET verified = 1;"
                         "INSERT INTO ca(name, pem, verified) VALUES ('broken', 'no PEM', 1)");
    admit_leaf(bench, "a", &f.direct, NULL);
    admit_leaf(bench, "a", &f.leaf, &f.middle);
    refuse_leaf(bench, "a", &f.leaf, NULL, no_chain); // the link between is missing
    refuse_leaf(bench, "b", &f.leaf, &f.middle, "common name");
    refuse_leaf(bench, "a", &f.forged, NULL, no_chain);
    refuse_leaf(bench, "a", &f.forged, &f.rogue, no_chain);
    refuse_leaf(bench, "a", &f.child, &f.elder, no_chain); // a device is no authority
    refuse_leaf(bench, "a", &f.server, NULL, no_chain);
    refuse_leaf(bench, "a", &f.twins, NULL, "common name");
    refuse_leaf(bench, "a", &f.late, NULL, "not valid yet");
    hub_bench_run(bench, "INSERT INTO device(id, auth) VALUES ('root', 2)");
    refuse_leaf(bench, "root", &f.root, NULL, no_chain); // the authority is no device
    // An intermediate as the authority: the root is not needed.
    run_with(bench, "UPDATE ca SET pem = ?2 WHERE name = 'root' AND ?1 IS NULL", (struct bytes){0},
             text(test_cert_pem(&f.middle)));
    admit_leaf(bench, "a", &f.leaf, NULL);
    refuse_leaf(bench, "a", &f.direct, NULL, no_chain);
    // The authority goes, and with it who came by it.
    struct hub_certificate shown = test_cert_shown(&f.leaf, NULL);
    struct hub_connect in = by_certificate(bench, "a", &shown);
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
    hub_directory_poll(&bench->directory);
    hub_bench_run(bench, "UPDATE ca SET name = 'renamed' WHERE name = 'root'");
    hub_tick(&bench->hub, NOW_S, hub_directory_poll(&bench->directory));
    assert_true(hub_bench_is_quiet(bench));
    hub_bench_run(bench, "UPDATE ca SET verified = 0");
    hub_tick(&bench->hub, NOW_S, hub_directory_poll(&bench->directory));
    assert_string_equal(hub_bench_next(bench).close_why, "credential changed");
    free_family(&f);
}

// NULL: in. The key is raw bytes as text.
static const char *register_with(struct hub_bench *bench, const char *id, const char *resource,
                                 const char *key, const char *policy)
{
    struct hub_connect in = hub_bench_connect(bench, &client, id, 1);
    struct hub_bench_token token = {resource, key, 1000, policy};
    in.password = hub_bench_sign(bench, &token);
    return why_not(bench, &in);
}

// A group's key whose derived key for "dev-3" holds no zero, so that it can be told as text here.
static const char GROUP_KEY[] = "group key of 16+ bytes";

static void derive(const char *id, char out[HMAC_SHA256_SIZE + 1])
{
    hmac_sha256(text(GROUP_KEY), text(id), (uint8_t *)out);
    out[HMAC_SHA256_SIZE] = '\0';
    assert_int_equal(strlen(out), HMAC_SHA256_SIZE);
}

static void test_registrations_by_key(void **state)
{
    struct hub_bench *bench = *state;
    const char *a = "scope%2Fregistrations%2Fa";
    const char *word = "registration";
    hub_bench_run(bench, "INSERT INTO enrolment(registration_id, attestation, key2, enabled) VALUES"
                         " ('a', 0, " HUB_BENCH_KEY_SQL ", 0)");
    assert_null(register_with(bench, "a", a, HUB_BENCH_KEY, word)); // disabled is told later
    static const struct {
        const char *resource, *key, *policy, *why;
    } cases[] = {
        {"scope%2Fregistrations%2Fa", "fedcba9876543210", "registration", "not signed"},
        {"scope%2Fregistrations%2Fa", HUB_BENCH_KEY, NULL, "skn"},
        {"scope%2Fregistrations%2Fa", HUB_BENCH_KEY, "device", "skn"},
        {"scope%2Fregistrations%2Fb", HUB_BENCH_KEY, "registration", "another resource"},
        {"scope%2Fregistrations", HUB_BENCH_KEY, "registration", "another resource"},
        {"scope", HUB_BENCH_KEY, "registration", "another resource"},
        {"scope2%2Fregistrations%2Fa", HUB_BENCH_KEY, "registration", "another resource"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why =
            register_with(bench, "a", cases[i].resource, cases[i].key, cases[i].policy);
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].why));
    }
    struct hub_connect in = hub_bench_connect(bench, &client, "a", 1000);
    assert_refused(bench, &in, "expired");
    in.utc_s = 1;
    in.client_id = text("b");
    assert_refused(bench, &in, "client id differs");
    in.client_id = text("a");
    in.user_name = text("other/registrations/a/api-version=1");
    assert_refused(bench, &in, "another id scope");
    in.user_name = text("h.org/a/?api-version=2021-04-12");
    assert_refused(bench, &in, "scope/registrations");

    char key[HMAC_SHA256_SIZE + 1];
    const char *three = "scope%2Fregistrations%2Fdev-3";
    derive("dev-3", key);
    assert_non_null(register_with(bench, "dev-3", three, key, word));
    run_with(bench,
             "INSERT INTO enrolment_group(group_id, attestation, key1) SELECT ?2, 0, ?1 "
             "WHERE ?2 = 'g'",
             text(GROUP_KEY), text("g"));
    hub_bench_run(bench, "INSERT INTO enrolment_group(group_id, attestation, key1) VALUES "
                         "('a', 0, zeroblob(32))");
    assert_null(register_with(bench, "dev-3", three, key, word));
    assert_non_null(register_with(bench, "dev-3", three, GROUP_KEY, word)); // never the group's
    assert_non_null(register_with(bench, "dev-4", "scope%2Fregistrations%2Fdev-4", key, word));
    // An enrolment of its own takes the device out of the group.
    hub_bench_run(bench, "INSERT INTO enrolment(registration_id, attestation, key1) VALUES "
                         "('dev-3', 0, " HUB_BENCH_KEY_SQL ")");
    assert_non_null(register_with(bench, "dev-3", three, key, word));
    assert_null(register_with(bench, "dev-3", three, HUB_BENCH_KEY, word));
}

static void test_registrations_by_certificate(void **state)
{
    struct hub_bench *bench = *state;
    struct family f;
    make_family(&f);
    struct hub_certificate shown = test_cert_shown(&f.leaf, &f.middle);
    refuse_leaf(bench, "a", &f.leaf, &f.middle, "no enrolment");
    run_with(bench, "INSERT INTO enrolment(registration_id, attestation, thumb1) SELECT ?2, 1, ?1",
             bytes_of(shown.sha256.bytes, shown.sha256.size), text("a"));
    admit_leaf(bench, "a", &f.leaf, NULL);
    refuse_leaf(bench, "a", &f.direct, NULL, "does not match");
    run_with(bench, "INSERT INTO enrolment(registration_id, attestation, thumb1) SELECT ?2, 1, ?1",
             bytes_of(shown.sha256.bytes, shown.sha256.size), text("b"));
    refuse_leaf(bench, "b", &f.leaf, NULL, "common name");
    struct hub_connect in = hub_bench_connect(bench, &client, "a", 1);
    assert_refused(bench, &in, "by certificate");
    in = by_certificate(bench, "a", NULL);
    assert_refused(bench, &in, "neither token nor certificate");
    in = by_certificate(bench, "a", &shown);
    in.utc_s = TO_S;
    assert_refused(bench, &in, "certificate expired");

    hub_bench_run(bench, "DELETE FROM enrolment");
    run_with(bench,
             "INSERT INTO enrolment_group(group_id, attestation, ca2) SELECT 'g', 1, ?2 "
             "WHERE ?1 IS NULL",
             (struct bytes){0}, text(test_cert_pem(&f.root)));
    hub_bench_run(bench, "INSERT INTO enrolment_group(group_id, attestation) VALUES ('none', 1)");
    admit_leaf(bench, "a", &f.leaf, &f.middle);
    refuse_leaf(bench, "a", &f.leaf, NULL, "no enrolment");
    refuse_leaf(bench, "b", &f.leaf, &f.middle, "no enrolment");
    refuse_leaf(bench, "a", &f.forged, &f.rogue, "no enrolment");
    run_with(bench,
             "INSERT INTO enrolment(registration_id, attestation, ca1) SELECT 'a', 2, ?2 "
             "WHERE ?1 IS NULL",
             (struct bytes){0}, text(test_cert_pem(&f.middle)));
    admit_leaf(bench, "a", &f.leaf, NULL);
    refuse_leaf(bench, "a", &f.direct, NULL, "enrolment's authority");
    test_cert_shown_free(&shown);
    free_family(&f);
}

// The name of the group that lets this leaf in; lives until the next call.
static const char *group_of(struct hub_bench *bench, const struct test_cert *leaf,
                            const struct test_cert *behind)
{
    static struct hub_login login;
    struct hub_certificate shown = test_cert_shown(leaf, behind);
    struct hub_connect in = by_certificate(bench, "a", &shown);
    assert_null(hub_login_registration(&bench->directory, &in, &login));
    assert_true(login.is_group);
    test_cert_shown_free(&shown);
    return login.name;
}

// Whoever shuts an intermediate authority out disables its group: another group of the root, which
// comes first by its name, must not open the door again.
static void test_the_nearest_group_decides(void **state)
{
    struct hub_bench *bench = *state;
    struct family f;
    make_family(&f);
    run_with(bench,
             "INSERT INTO enrolment_group(group_id, attestation, ca1) SELECT 'a-root', 1, ?2 "
             "WHERE ?1 IS NULL",
             (struct bytes){0}, text(test_cert_pem(&f.root)));
    assert_string_equal(group_of(bench, &f.leaf, &f.middle), "a-root");
    run_with(
        bench,
        "INSERT INTO enrolment_group(group_id, attestation, ca2, enabled) SELECT 'z-middle', 1,"
        " ?2, 0 WHERE ?1 IS NULL",
        (struct bytes){0}, text(test_cert_pem(&f.middle)));
    assert_string_equal(group_of(bench, &f.leaf, &f.middle), "z-middle");
    assert_string_equal(group_of(bench, &f.leaf, NULL), "z-middle");
    assert_string_equal(group_of(bench, &f.direct, NULL), "a-root");
    free_family(&f);
}

static void test_without_a_clock(void **state)
{
    struct hub_bench *bench = *state;
    struct hub_connect in = hub_bench_connect(bench, &client, "a", 0);
    assert_refused(bench, &in, "clock"); // else a token that expired long ago would open
    in.utc_s = 1;
    assert_null(why_not(bench, &in));
}

static void test_without_a_database(void **state)
{
    struct hub_bench *bench = *state;
    struct hub_connect in = hub_bench_connect(bench, &client, "a", 1);
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
    hub_bench_run(bench, "PRAGMA user_version = 3");
    hub_directory_close(&bench->directory);
    hub_directory_open(&bench->directory, bench->path);
    int other = 0;
    in = hub_bench_connect(bench, &other, "b", 1);
    assert_refused(bench, &in, "another version");
    hub_tick(&bench->hub, 1, true);
    assert_true(hub_bench_is_quiet(bench)); // who is in stays in
    assert_int_equal(
        hub_bench_publish(bench, &client, "a", "devices/a/messages/events/", text("x")).outcome,
        HUB_OK);
    hub_bench_run(bench, "PRAGMA user_version = 2; DELETE FROM meta");
    assert_true(hub_directory_poll(&bench->directory));
    assert_refused(bench, &in, "host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tokens_of_policies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_thumbprints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_registrations_by_key, set_up_dps, tear_down),
        cmocka_unit_test_setup_teardown(test_registrations_by_certificate, set_up_dps, tear_down),
        cmocka_unit_test_setup_teardown(test_the_nearest_group_decides, set_up_dps, tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_database, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
