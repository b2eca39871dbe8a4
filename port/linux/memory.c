// SPDX-License-Identifier: Apache-2.0
#include "port/linux/memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void memory_give_back(void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t skipped = (page - (uintptr_t)data % page) % page;
    if (size >= skipped + page) {
        // If the system does not want them they stay, which is as good.
        (void)madvise((char *)data + skipped, (size - skipped) / page * page, MADV_DONTNEED);
    }
}
