// SPDX-License-Identifier: Apache-2.0
// Goal: a secret that others may read is refused with what would change that, and one that is
// handed in is taken whole. Method: real files and pipes; the kind of file system is told by the
// test (the linker wraps fstatfs), since only root can mount one.
#include "apps/gateway/north/credentials_linux.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

static const char KEY[] = "c2VjcmV0c2VjcmV0c2VjcmV0\n";

int __real_fstatfs(int fd, struct statfs *out);
int __wrap_fstatfs(int fd, struct statfs *out);

static uint32_t told_type; // 0: the true one

int __wrap_fstatfs(int fd, struct statfs *out)
{
    int result = __real_fstatfs(fd, out);
    if (told_type != 0) {
        out->f_type = (__typeof__(out->f_type))told_type;
    }
    return result;
}

static void test_what_others_may_read_is_refused_with_what_would_change_that(void **state)
{
    (void)state;
    static const char CHMOD[] = "others may read it: chmod 600 it";
    static const struct {
        uint32_t type;
        bool can_chmod, can_mount;
    } cases[] = {
        {0, true, false},      // whatever /tmp is
        {0xEF53, true, false}, // ext4
        {MSDOS_SUPER_MAGIC, false, true},
        {EXFAT_SUPER_MAGIC, false, true},
        {0x5346544E, false, true}, // ntfs
        {0x7366746E, false, true}, // ntfs3
        {FUSE_SUPER_MAGIC, true, true},
        {(uint32_t)CIFS_SUPER_MAGIC, true, true},
    };
    char path[] = "/tmp/test_credentials.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, KEY, sizeof(KEY) - 1), sizeof(KEY) - 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sas_identity identity;
        told_type = cases[i].type;
        assert_int_equal(fchmod(fd, 0644), 0);
        const char *problem = credential_take_key(path, &identity);
        assert_non_null(problem);
        assert_int_equal(strncmp(problem, CHMOD, sizeof(CHMOD) - 1) == 0, cases[i].can_chmod);
        assert_int_equal(strstr(problem, "-o umask=077") != NULL, cases[i].can_mount);
        // A mode that does keep others out is as good there as anywhere.
        assert_int_equal(fchmod(fd, 0600), 0);
        assert_null(credential_take_key(path, &identity));
        assert_int_equal(identity.key.size, 18);
    }
    told_type = 0;
    close(fd);
    unlink(path);
}

static const char *handed_in(const char *text, size_t size, struct sas_identity *out)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, size), size);
    close(ends[1]);
    const char *problem = credential_take_key_from(ends[0], out);
    close(ends[0]);
    return problem;
}

static void test_what_is_handed_in_is_taken_to_its_end(void **state)
{
    (void)state;
    struct sas_identity identity;
    static char longest[CREDENTIAL_SIZE_MAX];
    memset(longest, ' ', sizeof(longest));
    memcpy(longest, KEY, sizeof(KEY) - 1);
    assert_non_null(strstr(handed_in("", 0, &identity), "empty"));
    assert_non_null(strstr(handed_in("no key!", 7, &identity), "base64"));
    assert_non_null(strstr(handed_in(longest, sizeof(longest), &identity), "larger than 2,047"));
    assert_null(handed_in(longest, sizeof(longest) - 1, &identity));
    assert_int_equal(identity.key.size, 18);
    assert_memory_equal(identity.key.data, "secretsecretsecret", 18);
    assert_non_null(credential_take_key_from(-1, &identity));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_others_may_read_is_refused_with_what_would_change_that),
        cmocka_unit_test(test_what_is_handed_in_is_taken_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
