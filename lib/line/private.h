// SPDX-License-Identifier: Apache-2.0
// Shared by the parts of the line machine only.
#ifndef LINE_PRIVATE_H
#define LINE_PRIVATE_H

#include "line/line.h"

bool line_is_due(const struct line *line, enum line_out_kind kind);
void line_due(struct line *line, enum line_out_kind kind);
void line_undue(struct line *line, enum line_out_kind kind);
// The SEND on the line; only in LINE_LEAD to LINE_TURNAROUND.
const struct line_send *line_active(const struct line *line);
void line_enter(struct line *line, enum line_state state, uint64_t until_us);
// The wire was known to carry something until then.
void line_raise_quiet(struct line *line, uint64_t at_us);
void line_clear_done(struct line *line);
// Ends the first SEND of the queue, whether it got onto the line or not.
void line_finish(struct line *line, uint64_t now_us, enum line_outcome outcome);
// Our last stop bit is over.
void line_after_tx(struct line *line);

// receive.c
// What the echo makes of an outcome that is good or bad by the reply alone.
enum line_outcome line_judged(const struct line *line, enum line_outcome outcome);
void line_end_reply(struct line *line, uint64_t now_us);
// What size this reply will have once enough of it is here; 0: unknown.
uint32_t line_expected_size(const struct line *line);

#endif
