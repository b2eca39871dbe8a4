// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/cloud.h"
#include "apps/cloud/secret_file.h"
#include "port/linux/log.h"

#include <stdlib.h>
#include <string.h>

#define MODULE "cloud"

// The connection string, without the line's end that editors add.
static enum err read_secret(struct cloud *cloud)
{
    const char *path = cloud->settings.kafka_connection_string_file;
    const char *why = "";
    size_t size = 0;
    if (path == NULL) {
        return OK;
    }
    cloud->kafka_secret = calloc(1, SECRET_SIZE_MAX + 1);
    if (cloud->kafka_secret == NULL) {
        return ERR_FULL;
    }
    enum err err = secret_file_read(path, cloud->kafka_secret, &size, &why);
    while (size > 0 && strchr(" \t\r\n", cloud->kafka_secret[size - 1]) != NULL) {
        cloud->kafka_secret[--size] = '\0';
    }
    if (err == OK && (strlen(cloud->kafka_secret) != size ||
                      strncmp(cloud->kafka_secret, "Endpoint=sb://", 14) != 0 ||
                      strstr(cloud->kafka_secret, ";SharedAccessKey=") == NULL)) {
        why = "a connection string of Event Hubs is Endpoint=sb://...;SharedAccessKeyName=...;"
              "SharedAccessKey=...";
        err = ERR_ARG;
    }
    if (err != OK) {
        log_error(MODULE, "kafka", "file=%s why=\"%s\"", log_quote(path).text, why);
    }
    return err;
}

static enum err open_kafka(struct cloud *cloud)
{
    const struct settings *s = &cloud->settings;
    if (s->kafka_bootstrap == NULL) {
        return OK;
    }
    enum err err = read_secret(cloud);
    const struct kafka_config cfg = {
        .live = &cloud->live,
        .ingest = &cloud->follower.ingest,
        .bootstrap = s->kafka_bootstrap,
        .topic = s->kafka_topic,
        .group = s->kafka_group,
        .connection_string = cloud->kafka_secret,
        .ca = s->kafka_ca,
        .is_plain = s->is_kafka_local && s->kafka_ca == NULL,
    };
    if (err == OK) {
        err = kafka_source_open(&cloud->kafka, &cfg);
    }
    cloud->has_kafka = err == OK;
    return err;
}

enum err cloud_open_sources(struct cloud *cloud)
{
    const struct settings *s = &cloud->settings;
    if (s->hub_log != NULL) {
        log_folder_init(&cloud->log_folder, s->hub_log);
    }
    const struct follower_config follower = {
        .store = &cloud->store,
        .catalogues = &cloud->catalogues,
        .live = &cloud->live,
        .folder = s->hub_log != NULL ? &cloud->log_folder : NULL,
    };
    enum err err = follower_init(&cloud->follower, &follower);
    return err == OK ? open_kafka(cloud) : err;
}

enum err cloud_open_hub(struct cloud *cloud)
{
    const struct settings *s = &cloud->settings;
    const struct hub_client_config cfg = {
        .url = s->hub_url, .policy = s->hub_policy, .key_file = s->hub_key_file, .ca = s->hub_ca};
    const char *why = "";
    if (s->hub_url == NULL) {
        return OK;
    }
    enum err err = hub_client_start(&cfg, &cloud->hub, &why);
    if (err != OK) {
        log_error(MODULE, "hub", "url=%s key_file=%s why=\"%s\"", log_quote(s->hub_url).text,
                  log_quote(s->hub_key_file).text, why);
    }
    return err;
}

void cloud_close_sources(struct cloud *cloud)
{
    kafka_source_close(&cloud->kafka);
    if (cloud->kafka_secret != NULL) {
        explicit_bzero(cloud->kafka_secret, SECRET_SIZE_MAX);
        free(cloud->kafka_secret);
    }
    follower_deinit(&cloud->follower);
    if (cloud->settings.hub_log != NULL) {
        log_folder_close(&cloud->log_folder);
    }
}
