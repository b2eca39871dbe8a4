// SPDX-License-Identifier: Apache-2.0
#include "port/linux/clock_watch.h"

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int arm_for(int fd, int64_t at_s)
{
    const struct itimerspec never = {.it_value.tv_sec = (time_t)at_s};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    return timerfd_settime(fd, flags, &never, NULL) == 0 || errno == ECANCELED ? 0 : -1;
}

// A time that no clock comes to: only its being cancelled counts, which a set clock does. Where
// the kernel or time_t counts in 32 bits, 2038 is the last that there is.
static void arm(int fd)
{
    if (sizeof(time_t) < sizeof(int64_t) || arm_for(fd, INT64_MAX) != 0) {
        (void)arm_for(fd, INT32_MAX);
    }
}

enum err clock_watch_open(int *fd)
{
    *fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (*fd < 0) {
        return ERR_IO;
    }
    arm(*fd);
    return OK;
}

void clock_watch_rearm(int fd)
{
    uint64_t expirations;
    ssize_t size = read(fd, &expirations, sizeof(expirations));
    if (size == (ssize_t)sizeof(expirations)) {
        return; // the time came after all: armed again it would come at once, for ever
    }
    arm(fd); // ECANCELED: that is the news
}
