// SPDX-License-Identifier: Apache-2.0
#include "sim/report.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>

static bool name_draft(char *out, size_t capacity, const char *path)
{
    int size = snprintf(out, capacity, "%s.new", path);
    return size > 0 && (size_t)size < capacity;
}

FILE *report_begin(const char *path)
{
    char draft[PATH_MAX];
    if (path == NULL) {
        return stdout;
    }
    if (!name_draft(draft, sizeof draft, path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return fopen(draft, "we");
}

enum err report_end(FILE *out, const char *path)
{
    char draft[PATH_MAX];
    if (path == NULL) {
        return fflush(out) == 0 ? OK : ERR_IO;
    }
    bool is_written = ferror(out) == 0;
    is_written = fclose(out) == 0 && is_written;
    return is_written && name_draft(draft, sizeof draft, path) && rename(draft, path) == 0 ? OK
                                                                                           : ERR_IO;
}
