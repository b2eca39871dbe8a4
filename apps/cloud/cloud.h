// SPDX-License-Identifier: Apache-2.0
// The whole program put together: store, follower, HTTP side. main_linux.c gives it a loop.
#ifndef CLOUD_CLOUD_H
#define CLOUD_CLOUD_H

#include "apps/cloud/api/app.h"
#include "apps/cloud/hub_client/hub_client.h"
#include "apps/cloud/ingest/ingest_thread.h"
#include "apps/cloud/settings.h"
#include "port/linux/loop.h"

struct cloud {
    struct settings settings;
    int data_fd; // holds the lock of the data folder
    struct store store;
    struct catalogues catalogues;
    struct live live;
    struct log_folder log_folder;
    struct follower follower;
    struct kafka_source kafka;
    char *kafka_secret; // borrowed by it
    bool has_kafka;
    struct ingest_thread ingest_thread;
    struct hub_client *hub; // NULL: none
    struct app app;
    struct tls *tls;
    struct event *tick;
};

// Everything opened, listening, following; says where on the log.
NODISCARD enum err cloud_start(struct cloud *cloud, struct loop *loop);
void cloud_stop(struct cloud *cloud);
// With --new-setup-link, in place of all that: writes the link, and prints where and the accounts.
NODISCARD enum err cloud_new_setup_link(struct cloud *cloud);

// sources.c: where messages come from, and the hub's service side.
NODISCARD enum err cloud_open_sources(struct cloud *cloud);
NODISCARD enum err cloud_open_hub(struct cloud *cloud);
void cloud_close_sources(struct cloud *cloud);

#endif
