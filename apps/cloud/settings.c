// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/settings.h"

#include "base/assert.h"
#include "port/linux/http_origin.h"
#include "port/linux/listen.h"

#include <arpa/inet.h>
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
     .help = "folder of the hub's log of messages; needed unless --kafka-bootstrap is given"},
    {.name = "kafka-bootstrap",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, kafka_bootstrap),
     .help = "host:port[,host:port] of Kafka or Event Hubs, a source of messages beside the log"},
    {.name = "kafka-topic",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, kafka_topic),
     .help = "topic with the hub's messages; of Event Hubs the event hub's name"},
    {.name = "kafka-group",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, kafka_group),
     .fallback = "busward",
     .help = "consumer group; one cloud each"},
    {.name = "kafka-connection-string-file",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, kafka_connection_string_file),
     .help = "file (0600) with the Event Hubs connection string, the password there"},
    {.name = "kafka-ca",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, kafka_ca),
     .help = "certificate authorities of the brokers, PEM; default: the system's"},
    {.name = "hub-url",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, hub_url),
     .help = "https://host[:port] of the hub's service REST, for the page's commands to gateways"},
    {.name = "hub-policy",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, hub_policy),
     .help = "shared access policy there; default: as the key file's connection string says"},
    {.name = "hub-key-file",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, hub_key_file),
     .help = "file (0600) with the policy's key or connection string"},
    {.name = "hub-ca",
     .type = OPTION_TEXT,
     .offset = offsetof(struct settings, hub_ca),
     .help = "certificate authorities of the hub, PEM; default: the system's"},
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
    {.name = "trusted-proxy",
     .type = OPTION_LIST,
     .offset = offsetof(struct settings, trusted_proxies),
     .help = "address of a TLS proxy that ends X-Forwarded-For with its client's address"},
    {.name = "new-setup-link",
     .type = OPTION_FLAG,
     .offset = offsetof(struct settings, new_setup_link),
     .help = "write a new set-up link for an account whose password is lost, and end"},
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

#define TOPIC_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

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

// Without TLS nothing leaves this machine.
static bool all_are_local(const char *bootstrap)
{
    static const char *const names[] = {"localhost", "[::1]"};
    while (*bootstrap != '\0') {
        const size_t size = strcspn(bootstrap, ",");
        const char *colon = memrchr(bootstrap, ':', size);
        const size_t host = colon != NULL ? (size_t)(colon - bootstrap) : size;
        char text[INET_ADDRSTRLEN] = "";
        struct in_addr v4;
        bool is_local = false;
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            is_local =
                is_local || (host == strlen(names[i]) && memcmp(bootstrap, names[i], host) == 0);
        }
        if (host < sizeof(text)) {
            memcpy(text, bootstrap, host);
        }
        is_local =
            is_local || (inet_pton(AF_INET, text, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
        if (!is_local) {
            return false;
        }
        bootstrap += size + (bootstrap[size] == ',' ? 1 : 0);
    }
    return true;
}

// What does not go together; NULL: all is well.
static const char *contradiction(struct settings *s)
{
    const bool has_kafka = s->kafka_bootstrap != NULL;
    const bool has_hub = s->hub_url != NULL;
    if ((s->cert == NULL || s->key == NULL) && !s->is_loopback) {
        return "--listen: is not a loopback address, so --cert and --key are needed";
    }
    if ((s->cert == NULL) != (s->key == NULL)) {
        return "--cert and --key come together";
    }
    if (s->hub_log == NULL && !has_kafka && !s->new_setup_link) {
        return "--hub-log is needed, or --kafka-bootstrap with --kafka-topic";
    }
    if (has_kafka != (s->kafka_topic != NULL)) {
        return "--kafka-bootstrap and --kafka-topic come together";
    }
    // librdkafka takes what begins with ^ for a pattern; offsets are kept for one topic.
    if (has_kafka && s->kafka_topic[strspn(s->kafka_topic, TOPIC_CHARACTERS)] != '\0') {
        return "--kafka-topic is one name of letters, digits, '.', '_' and '-'";
    }
    if (!has_kafka && (s->kafka_connection_string_file != NULL || s->kafka_ca != NULL)) {
        return "--kafka-connection-string-file and --kafka-ca need --kafka-bootstrap";
    }
    if (has_hub != (s->hub_key_file != NULL)) {
        return "--hub-url and --hub-key-file come together";
    }
    if (!has_hub && (s->hub_policy != NULL || s->hub_ca != NULL)) {
        return "--hub-policy and --hub-ca need --hub-url";
    }
    s->is_kafka_local = has_kafka && all_are_local(s->kafka_bootstrap);
    return NULL;
}

static bool proxies_are_addresses(const struct option_list *proxies)
{
    char plain[HTTP_ADDRESS_SIZE];
    bool is_good = true;
    for (size_t i = 0; i < proxies->count; i++) {
        if (!http_address_plain(proxies->item[i], plain)) {
            fprintf(stderr,
                    "busward-cloud: --trusted-proxy: \"%s\" is not an address, such as "
                    "127.0.0.1\n",
                    proxies->item[i]);
            is_good = false;
        }
    }
    return is_good;
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
        return OPTIONS_WRONG;
    }
    if (!proxies_are_addresses(&out->trusted_proxies)) {
        return OPTIONS_WRONG;
    }
    const char *wrong = contradiction(out);
    if (wrong != NULL) {
        fprintf(stderr, "busward-cloud: %s\n", wrong);
        return OPTIONS_WRONG;
    }
    return OPTIONS_RUN;
}
