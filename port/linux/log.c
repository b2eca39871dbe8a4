// SPDX-License-Identifier: Apache-2.0
#include "port/linux/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"

#define LINE_MAX_SIZE 1024
#define REPEAT_SLOTS  64

struct repeat {
    char mod[24];
    char ev[40];
    uint64_t window_end_us;
    uint32_t count;
    uint32_t dropped;
};

static const char *const LEVEL_NAMES[] = {"error", "warn", "info", "debug", "audit"};

// The process has one stderr, hence one state of it.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum log_level level_max = LOG_LEVEL_INFO;
static struct repeat repeats[REPEAT_SLOTS];
static log_tap_fn *log_tap;
static void *log_tap_ctx;

void log_set_tap(log_tap_fn *tap, void *ctx)
{
    pthread_mutex_lock(&lock);
    log_tap = tap;
    log_tap_ctx = ctx;
    pthread_mutex_unlock(&lock);
}

enum err log_set_level(const char *name)
{
    for (size_t i = 0; i <= LOG_LEVEL_DEBUG; i++) {
        if (strcmp(name, LEVEL_NAMES[i]) == 0) {
            pthread_mutex_lock(&lock);
            level_max = (enum log_level)i;
            pthread_mutex_unlock(&lock);
            return OK;
        }
    }
    return ERR_ARG;
}

// The slot of this event; a full table gives up its oldest window.
static struct repeat *repeat_slot(const char *mod, const char *ev)
{
    struct repeat *oldest = &repeats[0];
    for (size_t i = 0; i < COUNT_OF(repeats); i++) {
        struct repeat *r = &repeats[i];
        if (strncmp(r->mod, mod, sizeof r->mod - 1) == 0 &&
            strncmp(r->ev, ev, sizeof r->ev - 1) == 0) {
            return r;
        }
        if (r->window_end_us < oldest->window_end_us) {
            oldest = r;
        }
    }
    memset(oldest, 0, sizeof *oldest);
    snprintf(oldest->mod, sizeof oldest->mod, "%s", mod);
    snprintf(oldest->ev, sizeof oldest->ev, "%s", ev);
    return oldest;
}

// False: over the limit. *repeated = lines that were held back before this one.
static bool repeat_allow(const char *mod, const char *ev, uint32_t *repeated)
{
    uint64_t now_us = port_now_us();
    struct repeat *r = repeat_slot(mod, ev);
    if (now_us >= r->window_end_us) {
        r->window_end_us = now_us + LOG_WINDOW_S * US_PER_S;
        r->count = 0;
    }
    if (r->count >= LOG_REPEAT_MAX) {
        r->dropped++;
        return false;
    }
    r->count++;
    *repeated = r->dropped;
    r->dropped = 0;
    return true;
}

static size_t stamp(char *out, size_t capacity)
{
    struct timespec now;
    struct tm utc;
    char date[32];
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &utc) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0) {
        snprintf(date, sizeof date, "unknown");
        now.tv_nsec = 0;
    }
    return (size_t)snprintf(out, capacity, "ts=%s.%03ldZ", date, now.tv_nsec / 1000000);
}

// Under the lock.
static bool allow(enum log_level level, const char *mod, const char *ev, uint32_t *repeated)
{
    if (level == LOG_LEVEL_AUDIT) {
        return true;
    }
    return level <= level_max && (level == LOG_LEVEL_DEBUG || repeat_allow(mod, ev, repeated));
}

void log_event(enum log_level level, const char *mod, const char *ev, const char *format, ...)
{
    pthread_mutex_lock(&lock);
    uint32_t repeated = 0;
    bool pass = allow(level, mod, ev, &repeated);
    pthread_mutex_unlock(&lock);
    if (!pass) {
        return;
    }
    char line[LINE_MAX_SIZE];
    size_t size = stamp(line, sizeof line);
    size += (size_t)snprintf(line + size, sizeof line - size, " level=%s mod=%.24s ev=%.40s",
                             LEVEL_NAMES[level], mod, ev);
    if (repeated != 0) {
        size += (size_t)snprintf(line + size, sizeof line - size, " repeats=%u", repeated);
    }
    if (format[0] != '\0') {
        line[size++] = ' ';
        va_list args;
        va_start(args, format);
        int n = vsnprintf(line + size, sizeof line - size - 1, format, args);
        va_end(args);
        size += n < 0 ? 0 : (size_t)n;
        size = size > sizeof line - 2 ? sizeof line - 2 : size;
    }
    line[size++] = '\n';
    // One write, so that lines of threads and processes do not mix; a closed stderr is no reason
    // to stop.
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written;
    // Under the lock, so that a tap that was taken away is not called any more.
    pthread_mutex_lock(&lock);
    if (log_tap != NULL) {
        log_tap(log_tap_ctx, line, size);
    }
    pthread_mutex_unlock(&lock);
}

struct log_quoted log_quote(const char *text)
{
    struct log_quoted out = {.text = ""};
    bool plain = text != NULL && text[0] != '\0' && strlen(text) < sizeof out.text;
    for (const char *c = text; plain && *c != '\0'; c++) {
        plain = *c > ' ' && *c < 0x7f && *c != '"' && *c != '=' && *c != '\\';
    }
    if (plain) {
        snprintf(out.text, sizeof out.text, "%s", text);
        return out;
    }
    size_t size = 0;
    out.text[size++] = '"';
    for (const char *c = text == NULL ? "" : text; *c != '\0'; c++) {
        if (size + 4 + 5 > sizeof out.text) { // an escape, then `..."`
            memcpy(out.text + size, "...", 3);
            size += 3;
            break;
        }
        unsigned char byte = (unsigned char)*c;
        if (byte < ' ' || byte == 0x7f) {
            size += (size_t)snprintf(out.text + size, sizeof out.text - size, "\\x%02x", byte);
        } else {
            if (byte == '"' || byte == '\\') {
                out.text[size++] = '\\';
            }
            out.text[size++] = *c;
        }
    }
    out.text[size++] = '"';
    out.text[size] = '\0';
    return out;
}
