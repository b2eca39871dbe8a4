// SPDX-License-Identifier: Apache-2.0
// The loop's side of a bus.
#include "port/linux/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/bus_private.h"

static void free_bus(struct bus *bus)
{
    bus->release(bus);
    if (bus->event_fd >= 0) {
        close(bus->event_fd);
    }
    if (bus->wake_fd >= 0) {
        close(bus->wake_fd);
    }
    pthread_mutex_destroy(&bus->lock);
    free(bus->heard);
    free(bus);
}

enum err bus_begin(struct bus *bus, const char *name, bool listens, void *(*thread)(void *bus))
{
    bus->heard = listens ? calloc(BUS_HEARD_MAX, sizeof *bus->heard) : NULL;
    bus->random = port_now_us() ^ (uint64_t)(uintptr_t)bus;
    bus->tell_us = TIME_NEVER;
    atomic_init(&bus->hold_us, BUS_HOLD_US);
    // Held for a copy only: spinning that long beats a trip through the kernel.
    pthread_mutexattr_t adaptive;
    pthread_mutexattr_init(&adaptive);
    pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&bus->lock, &adaptive);
    pthread_mutexattr_destroy(&adaptive);
    bus->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bus->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bus->event_fd < 0 || bus->wake_fd < 0 || (listens && bus->heard == NULL) ||
        pthread_create(&bus->thread, NULL, thread, bus) != 0) {
        free_bus(bus);
        return ERR_IO;
    }
    char shown[16];
    snprintf(shown, sizeof shown, "%s", name);
    pthread_setname_np(bus->thread, shown);
    return OK;
}

void bus_set_hold(struct bus *bus, uint32_t hold_us)
{
    atomic_store_explicit(&bus->hold_us, hold_us, memory_order_relaxed);
}

// Under lock. A thread that is about to come back by itself is not woken.
static void wake(struct bus *bus)
{
    if (bus->wake_wanted) {
        bus->wake_wanted = false;
        ASSERT(eventfd_write(bus->wake_fd, 1) == 0);
    }
}

enum err bus_send(struct bus *bus, const struct line_send *send)
{
    if (send->frame_size == 0 || send->frame_size > LINE_FRAME_MAX) {
        return ERR_SIZE;
    }
    if (bus->heard != NULL) {
        return ERR_STATE;
    }
    enum err err = ERR_FULL;
    pthread_mutex_lock(&bus->lock);
    if (bus->outstanding < LINE_QUEUE_MAX) {
        bus->outstanding++;
        bus->sends[bus->send_count++] = *send;
        wake(bus);
        err = OK;
    }
    pthread_mutex_unlock(&bus->lock);
    return err;
}

void bus_cancel(struct bus *bus, uint32_t token)
{
    pthread_mutex_lock(&bus->lock);
    bool known = false;
    for (size_t i = 0; i < bus->cancel_count; i++) {
        known = known || bus->cancels[i] == token;
    }
    // More tokens than SENDs can be out are not ours.
    if (!known && bus->cancel_count < LINE_QUEUE_MAX) {
        bus->cancels[bus->cancel_count++] = token;
        wake(bus);
    }
    pthread_mutex_unlock(&bus->lock);
}

void bus_resume(struct bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bus->resume = true;
    wake(bus);
    pthread_mutex_unlock(&bus->lock);
}

static void take_heard(struct bus *bus, struct bus_event *out)
{
    const struct bus_heard *heard = &bus->heard[bus->heard_first];
    out->kind = BUS_HEARD;
    out->at_us = heard->at_us;
    out->error_us = heard->error_us;
    out->detail[0] = '\0';
    out->done = (struct line_done){
        .coarse = heard->coarse, .rx_last_us = heard->at_us, .reply_size = heard->size};
    memcpy(out->done.reply, heard->frame, heard->size);
    bus->heard_first = (bus->heard_first + 1) % BUS_HEARD_MAX;
    bus->heard_count--;
}

bool bus_next(struct bus *bus, struct bus_event *out)
{
    bool has = true;
    pthread_mutex_lock(&bus->lock);
    // In the order in which they were told: what ended before the bus came up again does not look
    // as if it had been lost after that.
    bool is_state = bus->state_count > 0 && bus->states[0].done_count == bus->dones_taken;
    if (is_state) {
        const struct bus_state *state = &bus->states[0];
        out->kind = state->up ? BUS_UP : BUS_DOWN;
        out->at_us = state->at_us;
        memcpy(out->detail, state->detail, sizeof out->detail);
        bus->states[0] = bus->states[1];
        bus->state_count--;
    } else if (bus->done_count > 0) {
        out->kind = BUS_DONE;
        out->done = bus->dones[bus->done_first];
        out->error_us = bus->errors_us[bus->done_first];
        out->at_us = out->done.rx_last_us;
        out->detail[0] = '\0';
        bus->done_first = (bus->done_first + 1) % LINE_QUEUE_MAX;
        bus->done_count--;
        bus->dones_taken++;
        bus->outstanding--;
    } else if (bus->heard_count > 0) {
        take_heard(bus, out);
    } else {
        eventfd_t seen;
        (void)eventfd_read(bus->event_fd, &seen);
        bus->told = false;
        has = false;
    }
    pthread_mutex_unlock(&bus->lock);
    return has;
}

void bus_figures(struct bus *bus, struct bus_figures *out)
{
    pthread_mutex_lock(&bus->lock);
    *out = bus->figures;
    out->heard_dropped += bus->heard_dropped;
    pthread_mutex_unlock(&bus->lock);
}

int bus_fd(const struct bus *bus)
{
    return bus->event_fd;
}

void bus_close(struct bus *bus)
{
    if (bus == NULL) {
        return;
    }
    pthread_mutex_lock(&bus->lock);
    bus->stopping = true;
    ASSERT(eventfd_write(bus->wake_fd, 1) == 0);
    pthread_mutex_unlock(&bus->lock);
    pthread_join(bus->thread, NULL);
    free_bus(bus);
}
