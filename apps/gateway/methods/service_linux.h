// SPDX-License-Identifier: Apache-2.0
// Methods, nudges and the flight recorder, wired to the process that they look after.
#ifndef GATEWAY_SERVICE_LINUX_H
#define GATEWAY_SERVICE_LINUX_H

#include "apps/gateway/methods/flight_upload.h"
#include "apps/gateway/methods/methods.h"
#include "apps/gateway/methods/nudge.h"
#include "apps/gateway/north/north_linux.h"
#include "apps/gateway/setup_linux.h"
#include "port/linux/led.h"

#include <pthread.h>

// What it works on; all borrowed.
struct service_config {
    struct setup *setup;
    struct bus *const *buses;
    struct north *north;
    // Ends the loop; the process then begins anew.
    void (*restart)(void *ctx);
    // Puts a patch into the twin's reported properties.
    void (*report)(void *ctx, uint64_t now_us, struct bytes patch);
    // Asks the hub for the twin again.
    void (*refresh_twin)(void *ctx, uint64_t now_us);
    void *ctx;
};

struct service { // private
    struct service_config cfg;
    struct arena arena;
    struct methods methods;
    struct nudge nudge;
    pthread_mutex_t lock; // of the recorder: any thread logs
    struct flight flight;
    struct flight_upload upload;
    const char *bus_names[CONFIG_BUSES_MAX];
    struct bus_figures figures[CONFIG_BUSES_MAX];
    struct led led;
    bool is_led_open;
    uint64_t start_us;
    struct az_topic event; // of the upload
};

// Plugs itself into the north's inbox and into the log. ERR_FULL; the reason has been logged.
NODISCARD enum err service_open(struct service *service, const struct service_config *cfg);
void service_close(struct service *service);

// What goes over the buses, for the recorder.
void service_sent(struct service *service, uint64_t now_us, uint32_t bus,
                  const struct line_send *send);
void service_heard(struct service *service, uint64_t now_us, uint32_t bus,
                   const struct bus_event *event);
// An answer that app_next() gave; then service_turn(), when the app is drained.
void service_answer(struct service *service, uint64_t now_us, uint32_t bus,
                    const struct foreign_answer *answer);
// Does what the machines want; the app must be drained afterwards, and north_turn() follow.
void service_turn(struct service *service, uint64_t now_us);

#endif
