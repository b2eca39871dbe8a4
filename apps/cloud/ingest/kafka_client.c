// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/kafka_private.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MODULE "kafka"

enum { LOG_LEVEL_WARNING = 4, VALUE_SIZE = 16 };

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)facility;
    if (level <= LOG_LEVEL_WARNING) { // syslog's
        log_warn(MODULE, "client", "what=%s", log_quote(text).text);
    } else {
        log_debug(MODULE, "client", "what=%s", log_quote(text).text);
    }
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *ctx)
{
    struct kafka_source *k = ctx;
    (void)client;
    const bool is_refusal = code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                            code == RD_KAFKA_RESP_ERR__SSL || code == RD_KAFKA_RESP_ERR__FATAL;
    atomic_fetch_add(&k->errors, 1);
    if (is_refusal) {
        atomic_store(&k->state, KAFKA_FAILING);
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        atomic_store(&k->state, KAFKA_WAITS);
    }
    log_warn(MODULE, "error", "code=%s why=%s", rd_kafka_err2name((rd_kafka_resp_err_t)code),
             log_quote(reason).text);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *parts, void *ctx)
{
    (void)client;
    kafka_place_changed(ctx, code, parts);
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK) {
        return true;
    }
    log_error(MODULE, "setting", "name=%s why=%s", name, log_quote(why).text); // never the value
    return false;
}

static bool set_security(rd_kafka_conf_t *conf, const struct kafka_config *cfg)
{
    if (cfg->connection_string != NULL) {
        if (!set(conf, "security.protocol", "sasl_ssl") || !set(conf, "sasl.mechanism", "PLAIN") ||
            !set(conf, "sasl.username", "$ConnectionString") ||
            !set(conf, "sasl.password", cfg->connection_string)) {
            return false;
        }
    } else if (cfg->is_plain) {
        return true;
    } else if (!set(conf, "security.protocol", "ssl")) {
        return false;
    }
    return set(conf, "enable.ssl.certificate.verification", "true") &&
           set(conf, "ssl.endpoint.identification.algorithm", "https") &&
           set(conf, "ssl.ca.location",
               cfg->ca != NULL ? cfg->ca : "/etc/ssl/certs/ca-certificates.crt");
}

static bool set_all(rd_kafka_conf_t *conf, struct kafka_source *k)
{
    static const char *const fixed[][2] = {
        {"client.id", "busward-cloud"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"}, // never skip in silence: kafka_place_lost
        {"partition.assignment.strategy", "range"},
        {"queued.min.messages", "10000"},
        {"fetch.message.max.bytes", "1048576"},
        {"receive.message.max.bytes", "67108864"},
        // Event Hubs closes what idles for 240 s.
        {"metadata.max.age.ms", "180000"},
        {"topic.metadata.refresh.interval.ms", "60000"},
        {"socket.keepalive.enable", "true"},
        {"reconnect.backoff.ms", "200"},
        {"reconnect.backoff.max.ms", "10000"},
        {"log.connection.close", "false"},
    };
    char session_ms[VALUE_SIZE];
    char heartbeat_ms[VALUE_SIZE];
    char queue_kb[VALUE_SIZE];
    const uint32_t session = k->cfg.session_ms > 0 ? k->cfg.session_ms : 30000;
    snprintf(session_ms, sizeof(session_ms), "%u", session);
    snprintf(heartbeat_ms, sizeof(heartbeat_ms), "%u", session / 10);
    snprintf(queue_kb, sizeof(queue_kb), "%d", KAFKA_QUEUE_KB);
    bool is_good = set(conf, "bootstrap.servers", k->cfg.bootstrap) &&
                   set(conf, "group.id", k->cfg.group) &&
                   set(conf, "session.timeout.ms", session_ms) &&
                   set(conf, "heartbeat.interval.ms", heartbeat_ms) &&
                   set(conf, "queued.max.messages.kbytes", queue_kb) && set_security(conf, &k->cfg);
    for (size_t i = 0; is_good && i < COUNT_OF(fixed); i++) {
        is_good = set(conf, fixed[i][0], fixed[i][1]);
    }
    return is_good;
}

static bool subscribe(struct kafka_source *k)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, k->cfg.topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t code = rd_kafka_subscribe(kafka_client(k), topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_error(MODULE, "subscribe", "topic=%s why=%s", log_quote(k->cfg.topic).text,
                  log_quote(rd_kafka_err2str(code)).text);
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

enum err kafka_client_open(struct kafka_source *k)
{
    static const uint64_t one = 1;
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    if (!set_all(conf, k)) {
        rd_kafka_conf_destroy(conf);
        return ERR_ARG;
    }
    k->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (k->client == NULL) {
        rd_kafka_conf_destroy(conf);
        log_error(MODULE, "open", "why=%s", log_quote(why).text);
        return ERR_ARG;
    }
    (void)rd_kafka_poll_set_consumer(kafka_client(k));
    k->queue = rd_kafka_queue_get_consumer(kafka_client(k));
    rd_kafka_queue_io_event_enable(k->queue, k->fd, &one, sizeof(one));
    return subscribe(k) ? OK : ERR_ARG;
}

void kafka_client_close(struct kafka_source *k)
{
    if (k->client == NULL) {
        return;
    }
    rd_kafka_queue_io_event_enable(k->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(k->queue);
    (void)rd_kafka_consumer_close(kafka_client(k));
    rd_kafka_destroy(kafka_client(k));
    k->client = NULL;
}
