// SPDX-License-Identifier: Apache-2.0
// The command line of busward-cloud.
#ifndef CLOUD_SETTINGS_H
#define CLOUD_SETTINGS_H

#include "port/linux/options.h"

struct settings {
    const char *data;
    const char *hub_log;
    const char *listen;
    const char *web;
    const char *cert;
    const char *key;
    const char *hub_url;
    const char *hub_policy;
    const char *hub_key_file;
    const char *hub_ca;
    const char *kafka_bootstrap;
    const char *kafka_topic;
    const char *kafka_group;
    const char *kafka_connection_string_file;
    const char *kafka_ca;
    struct option_list trusted_proxies;
    bool new_setup_link; // and nothing else
    uint64_t conn_max;
    uint64_t site_max;
    uint64_t series_max;
    uint64_t overdue_s;
    // From `listen`:
    char host[64];
    uint16_t port;
    bool is_loopback;
    bool is_kafka_local; // every broker is on this machine
};

// Prints what is wrong, all of it at once.
enum option_result settings_parse(int argc, char **argv, struct settings *out);

#endif
