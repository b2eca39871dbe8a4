// SPDX-License-Identifier: Apache-2.0
// Goal: an intermediate authority that its maker has limited, or whose time is over, signs nobody
// in, neither under its root nor trusted by itself. Method: each made here, wrong in one thing.
#include "tests/unit/hub/certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { FROM_S = 1000000, NOW_S = 2000000, TO_S = 3000000 };

// Steps to the authority; 0: not trusted.
static unsigned steps_to(const struct test_cert *trusted, const struct test_cert *leaf,
                         const struct test_cert *behind)
{
    struct hub_trust trust;
    struct hub_thumbprint anchor;
    unsigned distance = 0;
    struct hub_certificate shown = test_cert_shown(leaf, behind);
    assert_int_equal(hub_trust_init(&trust), OK);
    assert_true(hub_trust_add(&trust, test_cert_pem(trusted)));
    bool is_good = hub_trust_verify(&trust, &shown, NOW_S, &anchor, &distance);
    assert_int_equal(is_good, distance > 0);
    assert_true(!is_good || hub_trust_has(&trust, &anchor));
    hub_trust_deinit(&trust);
    test_cert_shown_free(&shown);
    return distance;
}

static void test_intermediates_that_may_not(void **state)
{
    (void)state;
    static const struct test_cert_wish wishes[] = {
        {.is_authority = true, .from_utc_s = FROM_S, .to_utc_s = TO_S}, // the good one
        {.is_authority = true, .from_utc_s = FROM_S, .to_utc_s = NOW_S - 1},
        {.is_authority = true, .from_utc_s = NOW_S + 1, .to_utc_s = TO_S},
        {.is_authority = true, .may_not_sign = true, .from_utc_s = FROM_S, .to_utc_s = TO_S},
        {.is_authority = false, .from_utc_s = FROM_S, .to_utc_s = TO_S},
        {.is_authority = true,
         .names = "critical,permitted;DNS:elsewhere.example",
         .from_utc_s = FROM_S,
         .to_utc_s = TO_S},
    };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        struct test_cert root;
        struct test_cert middle;
        struct test_cert leaf;
        struct test_cert_wish wish = {
            .name = "root", .is_authority = true, .from_utc_s = FROM_S, .to_utc_s = TO_S};
        test_cert_make(&root, &wish);
        wish = wishes[i];
        wish.name = "middle";
        wish.issuer = &root;
        test_cert_make(&middle, &wish);
        // With a dot: constraints on host names count for a common name that looks like one.
        wish = (struct test_cert_wish){
            .name = "gw.example", .issuer = &middle, .from_utc_s = FROM_S, .to_utc_s = TO_S};
        test_cert_make(&leaf, &wish);
        print_message("intermediate %zu\n", i);
        assert_int_equal(steps_to(&root, &leaf, &middle), i == 0 ? 2 : 0);
        assert_int_equal(steps_to(&middle, &leaf, NULL), i == 0 ? 1 : 0);
        test_cert_free(&leaf);
        test_cert_free(&middle);
        test_cert_free(&root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intermediates_that_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
