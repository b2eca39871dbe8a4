// SPDX-License-Identifier: Apache-2.0
#include "port/linux/authorities.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_DIGITS = 8, PATH_SIZE_MAX = 1536 };

bool authorities_is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// Eight digits, a dot, a number: "5ed36f99.0". A revocation list has an r before the number.
static bool is_hashed(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    if (digits != HASH_DIGITS || name[HASH_DIGITS] != '.') {
        return false;
    }
    const char *number = name + HASH_DIGITS + 1;
    return number[0] != 0 && number[strspn(number, "0123456789")] == 0;
}

size_t authorities_each(const char *folder, bool (*use)(void *ctx, const char *path), void *ctx)
{
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL) {
        return 0;
    }
    size_t count = 0;
    bool goes_on = true;
    const struct dirent *entry = readdir(open_folder);
    while (entry != NULL && goes_on) {
        char path[PATH_SIZE_MAX];
        int size = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (is_hashed(entry->d_name) && size < PATH_SIZE_MAX && access(path, R_OK) == 0) {
            count++;
            goes_on = use(ctx, path);
        }
        entry = goes_on ? readdir(open_folder) : NULL;
    }
    closedir(open_folder);
    return count;
}

static bool one_will_do(void *ctx, const char *path)
{
    (void)ctx;
    (void)path;
    return false;
}

const char *authorities_problem(const char *path)
{
    if (access(path, R_OK) != 0) {
        return strerror(errno);
    }
    if (authorities_is_folder(path) && authorities_each(path, one_will_do, NULL) == 0) {
        return "the folder holds no certificate under its hash, as 5ed36f99.0: `openssl rehash "
               "FOLDER` makes these names";
    }
    return NULL;
}
