// SPDX-License-Identifier: Apache-2.0
#include "port/linux/clock_watch.h"

#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

// A time that no clock comes to: only its being cancelled counts, which a set clock does.
static void arm(int fd)
{
    const struct itimerspec never = {.it_value.tv_sec = INT32_MAX};
    (void)!timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
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
    ssize_t size = read(fd, &expirations, sizeof(expirations)); // ECANCELED: that is the news
    (void)size;
    arm(fd);
}
