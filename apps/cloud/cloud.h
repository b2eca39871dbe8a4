// SPDX-License-Identifier: Apache-2.0
// The whole program put together: store, follower, HTTP side. main_linux.c gives it the hub's log
// and a loop.
#ifndef CLOUD_CLOUD_H
#define CLOUD_CLOUD_H

#include "apps/cloud/api/app.h"
#include "apps/cloud/settings.h"
#include "port/linux/loop.h"

struct cloud {
    struct settings settings;
    int data_fd; // holds the lock of the data folder
    struct store store;
    struct catalogues catalogues;
    struct live live;
    struct follower follower;
    struct app app;
    struct tls *tls;
    struct event *tick;
};

// Everything opened, listening, following; says where on the log.
NODISCARD enum err cloud_start(struct cloud *cloud, struct loop *loop,
                               const struct storage *hub_log, const struct cells *hub_cells);
void cloud_stop(struct cloud *cloud);

#endif
