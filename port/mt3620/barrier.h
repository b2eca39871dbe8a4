// SPDX-License-Identifier: Apache-2.0
// Orders what this core reads and writes against what another core sees.
#ifndef PORT_MT3620_BARRIER_H
#define PORT_MT3620_BARRIER_H

static inline void barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // DMB on the M4; builds on the host too
}

#endif
