// SPDX-License-Identifier: Apache-2.0
// bench-bare-sleeps WAIT_US SILENCE_US SECONDS: what this machine takes for a transaction in which
// a program does nothing: asleep until the reply, asleep again until the silence after it is over.
// Whoever keeps t3.5 sleeps twice, so no client costs less.
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "port/api/clock.h"

static double cpu_us(void)
{
    struct timespec at = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static void rest(uint64_t until_us)
{
    struct timespec at = {.tv_sec = (time_t)(until_us / US_PER_S),
                          .tv_nsec = (long)(until_us % US_PER_S * 1000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s WAIT_US SILENCE_US SECONDS\n", argv[0]);
        return 2;
    }
    uint64_t wait_us = strtoull(argv[1], NULL, 10);
    uint64_t silence_us = strtoull(argv[2], NULL, 10);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); // as a bus's thread does
    unsigned long count = 0;
    double before_us = cpu_us();
    uint64_t end_us = port_now_us() + strtoull(argv[3], NULL, 10) * US_PER_S;
    uint64_t at_us = port_now_us();
    while (at_us < end_us) {
        rest(at_us + wait_us);
        rest(port_now_us() + silence_us);
        at_us = port_now_us();
        count++;
    }
    printf("{\"good\":%lu,\"bad\":0,\"cpu_us\":%.1f}\n", count,
           (cpu_us() - before_us) / (double)(count == 0 ? 1 : count));
    return 0;
}
