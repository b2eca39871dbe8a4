// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/settings.h"

#include "base/assert.h"
#include "port/linux/listen.h"

#include <stdio.h>
#include <string.h>

static const struct option options[] = {
    {.name = "data",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, data),
     .min = 1,
     .help = "folder of the store, the accounts and the set-up link; made if missing"},
    {.name = "hub-log",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, hub_log),
     .min = 1,
     .help = "folder of the hub's log of messages"},
    {.name = "listen",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, listen),
     .fallback = "127.0.0.1:8080",
     .help = "address and port; without --cert only a loopback address; port 0: any free one"},
    {.name = "web",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, web),
     .help = "folder of the page's files"},
    {.name = "cert",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, cert),
     .help = "certificate chain, PEM"},
    {.name = "key",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, key),
     .help = "its private key, PEM"},
    {.name = "conn-max",
     .type = OPTION_UINT,
     .offset = offsetof(struct settings, conn_max),
     .min = 4,
     .max = 65536,
     .fallback = "1024",
     .help = "connections at a time"},
    {.name = "site-max",
     .type = OPTION_UINT,
     .offset = offsetof(struct settings, site_max),
     .min = 1,
     .max = 65536,
     .fallback = "256",
     .help = "sites in the store"},
    {.name = "series-max",
     .type = OPTION_UINT,
     .offset = offsetof(struct settings, series_max),
     .min = 1,
     .max = 1000000,
     .fallback = "20000",
     .help = "points of all sites together"},
    {.name = "overdue-s",
     .type = OPTION_UINT,
     .offset = offsetof(struct settings, overdue_s),
     .min = 1,
     .max = 86400,
     .fallback = "90",
     .help = "a value older than three intervals and this is shown as stale"},
};

static const struct option_table table = {
    .program = "busward-cloud",
    .purpose = "stores what the hub receives and serves the page",
    .options = options,
    .count = COUNT_OF(options),
};

static bool split_listen(struct settings *s)
{
    struct listen_address address;
    if (!listen_parse(s->listen, &address)) {
        return false;
    }
    snprintf(s->host, sizeof(s->host), "%s", address.host);
    s->port = address.port;
    s->is_loopback = address.is_loopback;
    return true;
}

enum option_result settings_parse(int argc, char **argv, struct settings *out)
{
    enum option_result result = options_parse(&table, argc, argv, out);
    if (result != OPTIONS_RUN) {
        return result;
    }
    if (!split_listen(out)) {
        fprintf(stderr,
                "busward-cloud: --listen: \"%s\" is not an address and a port, such as "
                "127.0.0.1:8080\n",
                out->listen);
        result = OPTIONS_WRONG;
    } else if ((out->cert == NULL || out->key == NULL) && !out->is_loopback) {
        fprintf(stderr,
                "busward-cloud: --listen: \"%s\" is not a loopback address, so --cert and "
                "--key are needed\n",
                out->listen);
        result = OPTIONS_WRONG;
    } else if ((out->cert == NULL) != (out->key == NULL)) {
        fprintf(stderr, "busward-cloud: --cert and --key come together\n");
        result = OPTIONS_WRONG;
    }
    return result;
}
