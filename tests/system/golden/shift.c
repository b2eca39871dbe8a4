// SPDX-License-Identifier: Apache-2.0
// Preloaded into a process under test: its clocks run ahead of the machine's by what SHIFT_FILE
// says, two 64-bit numbers of seconds, monotonic and wall, which a test changes at any time. A wait
// that began before a shift ends when it would have; whatever wakes the process then shows it the
// new time.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MONOTONIC, WALL, CLOCKS };

typedef int clock_fn(clockid_t, struct timespec *);
typedef int sleep_fn(clockid_t, int, const struct timespec *, struct timespec *);
typedef int timer_fn(int, int, const struct itimerspec *, struct itimerspec *);

static const volatile int64_t *shift_s;
static clock_fn *real_clock;
static sleep_fn *real_sleep;
static timer_fn *real_timer;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_shift(void)
{
    void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
    memcpy(&real_clock, &symbol, sizeof(real_clock));
    symbol = dlsym(RTLD_NEXT, "clock_nanosleep");
    memcpy(&real_sleep, &symbol, sizeof(real_sleep));
    symbol = dlsym(RTLD_NEXT, "timerfd_settime");
    memcpy(&real_timer, &symbol, sizeof(real_timer));
    const char *path = getenv("SHIFT_FILE");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at =
        fd >= 0 ? mmap(NULL, CLOCKS * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at == MAP_FAILED || real_clock == NULL || real_sleep == NULL || real_timer == NULL) {
        abort(); // a test whose clock stands still would wait for ever
    }
    close(fd);
    shift_s = at;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    pthread_once(&once, open_shift);
    int status = real_clock(clock, out);
    if (status == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME)) {
        out->tv_sec += shift_s[clock == CLOCK_REALTIME ? WALL : MONOTONIC];
    }
    return status;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *left)
{
    pthread_once(&once, open_shift);
    struct timespec when = *wanted;
    if (clock == CLOCK_MONOTONIC && (flags & TIMER_ABSTIME) != 0) {
        when.tv_sec -= when.tv_sec > shift_s[MONOTONIC] ? shift_s[MONOTONIC] : when.tv_sec;
    }
    return real_sleep(clock, flags, &when, left);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *old)
{
    pthread_once(&once, open_shift);
    struct itimerspec when = *wanted;
    if ((flags & TFD_TIMER_ABSTIME) != 0 && when.it_value.tv_sec != 0) {
        when.it_value.tv_sec -= shift_s[MONOTONIC];
        if (when.it_value.tv_sec <= 0) {
            when.it_value = (struct timespec){.tv_nsec = 1}; // the past: at once
        }
    }
    return real_timer(fd, flags, &when, old);
}
