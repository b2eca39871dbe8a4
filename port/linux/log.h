// SPDX-License-Identifier: Apache-2.0
// One line per event on stderr: ts=… level=… mod=… ev=… key=value. Any thread.
#ifndef PORT_LINUX_LOG_H
#define PORT_LINUX_LOG_H

#include <stddef.h>

#include "base/err.h"

enum log_level {
    LOG_LEVEL_ERROR, // someone must act
    LOG_LEVEL_WARN,  // we coped
    LOG_LEVEL_INFO,  // state changed
    LOG_LEVEL_DEBUG, // per message
    LOG_LEVEL_AUDIT, // who did what
};

#define LOG_REPEAT_MAX 20 // lines of one (mod, ev) in LOG_WINDOW_S, then only a count
#define LOG_WINDOW_S   10

// Default: info. "error", "warn", "info" or "debug"; ERR_ARG else.
NODISCARD enum err log_set_level(const char *name);
// mod and ev: static strings of [a-z0-9_-]. format: `key=value ...` in printf form, "" for none.
// No secrets. Repeats beyond the limit are counted; the next line that passes carries repeats=N.
void log_event(enum log_level level, const char *mod, const char *ev, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// An audit line (level=audit) is written whatever the level is, and none is ever held back as a
// repeat. For what somebody authenticated did and changed, alone: nobody else may be able to make
// such lines, or the log would be his to fill.

// Every line that is written goes to `tap` too, on the thread that logs; it must not log. NULL:
// none.
typedef void log_tap_fn(void *ctx, const char *line, size_t size);
void log_set_tap(log_tap_fn *tap, void *ctx);

#define LOG_QUOTE_MAX 256
struct log_quoted {
    char text[LOG_QUOTE_MAX];
};
// Text from outside as a value: quoted if needed, control bytes escaped, cut with "..." when long.
// Use: log_event(..., "path=%s", log_quote(path).text).
struct log_quoted log_quote(const char *text);

#define log_error(mod, ...) log_event(LOG_LEVEL_ERROR, mod, __VA_ARGS__)
#define log_warn(mod, ...)  log_event(LOG_LEVEL_WARN, mod, __VA_ARGS__)
#define log_info(mod, ...)  log_event(LOG_LEVEL_INFO, mod, __VA_ARGS__)
#define log_debug(mod, ...) log_event(LOG_LEVEL_DEBUG, mod, __VA_ARGS__)
#define log_audit(mod, ...) log_event(LOG_LEVEL_AUDIT, mod, __VA_ARGS__)

#endif
