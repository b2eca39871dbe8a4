// SPDX-License-Identifier: Apache-2.0
// What the files of the methods share.
#ifndef GATEWAY_METHODS_INTERNAL_H
#define GATEWAY_METHODS_INTERNAL_H

#include "apps/gateway/methods/methods.h"

// Ends a call; the body's object is closed here.
void call_done(struct methods *m, struct method_call *call, uint32_t status);
// The same with {"error": words}.
void call_fail(struct methods *m, struct method_call *call, uint32_t status, const char *format,
               ...) __attribute__((format(printf, 4, 5)));
void methods_note(struct methods *m, const char *text);
// The event of a job that ended, if it is not told yet.
void methods_tell_job(struct methods *m);
// The bus of that name, or the only one; false: the call is answered.
bool call_bus(struct methods *m, struct method_call *call, const char *name);

// methods_bus.c: read and write.
void call_read(struct methods *m, struct method_call *call);
void call_write(struct methods *m, struct method_call *call);
void call_ask(struct methods *m, const struct method_call *call, struct foreign_ask *out);
void call_answer(struct methods *m, struct method_call *call, const struct foreign_answer *answer);
// No answer will come: its time is over (504) or the port went (503).
void call_abandon(struct methods *m, struct method_call *call, uint32_t status);

// methods_box.c: what concerns the box itself, and the jobs.
void call_begin(struct methods *m, uint64_t now_us, struct method_call *call);

#endif
