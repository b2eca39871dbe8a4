// SPDX-License-Identifier: Apache-2.0
// What the threads of all kinds of bus share: commands of the loop in, events to it out, sleep.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/bus_private.h"

#define BACKOFF_FIRST_US (100 * US_PER_MS)
#define BACKOFF_MAX_US   (5 * US_PER_S)
#define NICER            (-10)

// A delay in 3/4 to 5/4 of the nominal one, so that many gateways do not come back at once.
static uint64_t jittered(struct bus *bus, uint64_t delay_us)
{
    bus->random ^= bus->random << 13;
    bus->random ^= bus->random >> 7;
    bus->random ^= bus->random << 17;
    return delay_us * 3 / 4 + bus->random % (delay_us / 2 + 1);
}

uint64_t bus_retry_delay_us(struct bus *bus, bool was_good)
{
    bus->backoff_us = was_good || bus->backoff_us == 0
                          ? BACKOFF_FIRST_US
                          : time_min(2 * bus->backoff_us, BACKOFF_MAX_US);
    return jittered(bus, bus->backoff_us);
}

void bus_tell_state(struct bus *bus, uint64_t now_us, bool up, const char *detail)
{
    pthread_mutex_lock(&bus->lock);
    if (bus->state_count == COUNT_OF(bus->states)) {
        bus->state_count = 0; // a turn and its return, both too old to matter
    }
    struct bus_state *state = &bus->states[bus->state_count++];
    state->up = up;
    state->at_us = now_us;
    state->done_count = bus->dones_told;
    snprintf(state->detail, sizeof state->detail, "%s", detail);
    ASSERT(eventfd_write(bus->event_fd, 1) == 0);
    pthread_mutex_unlock(&bus->lock);
}

void bus_wake_loop(struct bus *bus)
{
    bus->tell_us = TIME_NEVER;
    pthread_mutex_lock(&bus->lock);
    bool wanted = bus->done_count > 0 && !bus->told;
    bus->told = bus->told || wanted;
    pthread_mutex_unlock(&bus->lock);
    if (wanted) { // after the lock, or the loop would wake only to wait for it
        ASSERT(eventfd_write(bus->event_fd, 1) == 0);
    }
}

void bus_tell_done(struct bus *bus, const struct line_done *done, uint32_t error_us, bool may_wait)
{
    pthread_mutex_lock(&bus->lock);
    ASSERT(bus->done_count < LINE_QUEUE_MAX); // as many DONEs as SENDs were let in
    size_t place = (bus->done_first + bus->done_count) % LINE_QUEUE_MAX;
    bus->dones[place] = *done;
    bus->errors_us[place] = error_us;
    bus->done_count++;
    bus->dones_told++;
    pthread_mutex_unlock(&bus->lock);
    // The next one should take as long as this one did.
    uint64_t took_us = done->rx_last_us - done->tx_first_us;
    uint64_t hold_us = atomic_load_explicit(&bus->hold_us, memory_order_relaxed);
    if (may_wait && took_us < hold_us && time_after(done->rx_last_us, took_us) < bus->tell_us) {
        bus->tell_us = time_min(bus->tell_us, time_after(done->rx_last_us, hold_us));
    } else {
        bus_wake_loop(bus);
    }
}

void bus_tell_heard(struct bus *bus, const struct bus_heard *heard)
{
    pthread_mutex_lock(&bus->lock);
    if (bus->heard_count == BUS_HEARD_MAX) {
        bus->heard_dropped++;
    } else {
        bus->heard[(bus->heard_first + bus->heard_count) % BUS_HEARD_MAX] = *heard;
        bus->heard_count++;
        ASSERT(eventfd_write(bus->event_fd, 1) == 0);
    }
    pthread_mutex_unlock(&bus->lock);
}

void bus_set_figures(struct bus *bus, const struct bus_figures *figures)
{
    pthread_mutex_lock(&bus->lock);
    bus->figures = *figures;
    pthread_mutex_unlock(&bus->lock);
}

bool bus_take_commands(struct bus *bus, const struct bus_commands *commands)
{
    pthread_mutex_lock(&bus->lock);
    bus->wake_wanted = false;
    uint64_t now_us = port_now_us();
    for (size_t i = 0; i < bus->send_count; i++) {
        commands->send(bus, now_us, &bus->sends[i]);
    }
    bus->send_count = 0;
    for (size_t i = 0; i < bus->cancel_count; i++) {
        commands->cancel(bus, now_us, bus->cancels[i]);
    }
    bus->cancel_count = 0;
    if (bus->resume) {
        bus->resume = false;
        commands->resume(bus, now_us);
    }
    bool stopping = bus->stopping;
    pthread_mutex_unlock(&bus->lock);
    return !stopping;
}

void bus_rest(uint64_t until_us)
{
    struct timespec at = {.tv_sec = (time_t)(until_us / US_PER_S),
                          .tv_nsec = (long)(until_us % US_PER_S * 1000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

bool bus_sleep(struct bus *bus, int fd, short events, uint64_t deadline_us, bool commands_wake)
{
    pthread_mutex_lock(&bus->lock);
    bool waiting = bus->send_count != 0 || bus->cancel_count != 0 || bus->resume || bus->stopping;
    bus->wake_wanted = commands_wake && !waiting;
    pthread_mutex_unlock(&bus->lock);
    if (waiting && commands_wake) {
        return false;
    }
    uint64_t now_us = port_now_us();
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = bus->wake_fd, .events = POLLIN}};
    uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / US_PER_S),
                               .tv_nsec = (long)(wait_us % US_PER_S * 1000)};
    // Without commands only the end comes by wake_fd, and that may come a little late.
    nfds_t count = commands_wake || wait_us > REST_MAX_US ? 2 : 1;
    int n = ppoll(fds, count, deadline_us == TIME_NEVER ? NULL : &timeout, NULL);
    if (n <= 0) {
        return false;
    }
    if (fds[1].revents != 0) {
        eventfd_t seen;
        (void)eventfd_read(bus->wake_fd, &seen);
    }
    return fds[0].revents != 0;
}

void bus_set_scheduling(uint8_t cpu_priority)
{
    // A thread that needs a few microseconds at a time goes before those that compute, if we may.
    // PRIO_PROCESS 0 is this thread alone.
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
    // The default slack of 50 us would be a sixth of t3.5 at 115200 baud.
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (cpu_priority != 0) {
        struct sched_param param = {.sched_priority = cpu_priority};
        (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &param); // if we may
    }
}
