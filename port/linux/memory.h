// SPDX-License-Identifier: Apache-2.0
// Memory that is kept for what is rare, and lent back to the system meanwhile.
#ifndef PORT_LINUX_MEMORY_H
#define PORT_LINUX_MEMORY_H

#include <stddef.h>

// The whole pages of what the caller owns, from calloc or mmap: it keeps the addresses, the system
// has the pages until they are written again. What they held is lost: each byte is 0 or as it was.
void memory_give_back(void *data, size_t size);

#endif
