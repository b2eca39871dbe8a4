// SPDX-License-Identifier: Apache-2.0
// Shared by the parts of the host's session only.
#ifndef INTERCORE_HOST_PRIVATE_H
#define INTERCORE_HOST_PRIVATE_H

#include "intercore/host_session.h"

// Ends the session, and every SEND with it; begins another one if the link is there.
void ic_host_begin(struct ic_host *host, uint64_t now_us, enum ic_trouble trouble);
// The line does not stand, for this reason; told once.
void ic_host_in_trouble(struct ic_host *host, enum ic_trouble trouble);
void ic_host_check_up(struct ic_host *host, uint64_t now_us);
// The SEND that the core works on first; NULL: none is out.
struct ic_host_slot *ic_host_first_out(struct ic_host *host);
// The clock of that SEND begins to run.
void ic_host_watch_first(struct ic_host *host, uint64_t now_us);

#endif
