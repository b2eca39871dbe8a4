// SPDX-License-Identifier: Apache-2.0
// A backend on a database of its own for the targets of its boundaries: each input begins with the
// same devices and enrolments, and leaves nothing behind (it is one transaction that is undone).
#ifndef BACKEND_FUZZ_H
#define BACKEND_FUZZ_H

#include "apps/hub/backend/backend.h"

struct backend *backend_fuzz_begin(void);
// Drains both links, checking each output's form; the count of outputs.
size_t backend_fuzz_drain(struct backend *b);
void backend_fuzz_end(struct backend *b);

extern const struct backend_time backend_fuzz_now;

#endif
