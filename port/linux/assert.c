// SPDX-License-Identifier: Apache-2.0
// A broken invariant on a Linux host: say where, then abort so that a core or a sanitizer report
// follows.
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *file, int line)
{
    fprintf(stderr, "level=error mod=assert ev=failed at=%s:%d\n", file, line);
    abort();
}
