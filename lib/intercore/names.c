// SPDX-License-Identifier: Apache-2.0
// Words for people, on the gateway's side only.
#include "intercore/message.h"

#include "base/assert.h"

const char *ic_kind_name(uint8_t kind)
{
    static const char *const NAMES[IC_KIND_COUNT] = {
        "unknown",  "hello", "line_setup", "line_state", "send",    "cancel", "resume", "done",
        "sync_ask", "sync",  "stats_ask",  "stats",      "sniffed", "log",    "refused"};
    return kind < COUNT_OF(NAMES) ? NAMES[kind] : NAMES[0];
}
