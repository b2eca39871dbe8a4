// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/north_identity.h"

#include "apps/gateway/north/north_internal.h"
#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/authorities.h"
#include "port/linux/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LOOK_US = 60 * 1000000 }; // between two looks at the files

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != 0;
}

static const struct identity_pair *pair_of(const struct north_identity *id)
{
    return id->machine.slot == IDENTITY_NEXT ? &id->next : &id->files.pair;
}

void north_identity_login(struct north *north, uint64_t now_us, struct mqtt_login *out)
{
    struct north_identity *id = &north->id;
    (void)identity_attempt(&id->machine, now_us);
    *out = (struct mqtt_login){.host = id->assignment.host,
                               .address = north->cfg.address,
                               .port = north->cfg.port,
                               .keeps_session = true,
                               .client_id = id->assignment.device,
                               .certificate_file = pair_of(id)->certificate,
                               .private_key_file = pair_of(id)->private_key};
    if (id->machine.slot == IDENTITY_NEXT) {
        log_info("identity", "next_certificate", "certificate=%s",
                 log_quote(out->certificate_file).text);
    }
}

static enum err connect_dps(struct north *north, uint64_t now_us, const struct dps_out *out)
{
    struct north_identity *id = &north->id;
    (void)identity_attempt(&id->machine, now_us);
    id->has_connection = true;
    return mqtt_connect(north->mqtt,
                        &(struct mqtt_login){.host = north->cfg.dps.host,
                                             .address = north->cfg.dps.address,
                                             .port = north->cfg.dps.port,
                                             .client_id = north->cfg.dps.registration_id,
                                             .user = out->user,
                                             .password = out->password,
                                             .certificate_file = pair_of(id)->certificate,
                                             .private_key_file = pair_of(id)->private_key});
}

static enum err publish_dps(struct north *north, const struct dps_out *out)
{
    char topic[MQTT_TOPIC_SIZE_MAX];
    struct writer w = writer_of(topic, sizeof(topic));
    az_topic_build(&out->topic, &w);
    put_u8(&w, 0);
    ASSERT(!w.failed); // an operation id is shorter
    return mqtt_publish(north->mqtt,
                        &(struct mqtt_publish){.qos = 1, .topic = topic, .payload = out->body});
}

static void take_assigned(struct north *north, uint64_t now_us, const struct dps_out *out)
{
    struct north_identity *id = &north->id;
    log_info("identity", "assigned", "hub=%s device=%s", log_quote(out->host).text,
             log_quote(out->device).text);
    snprintf(id->assignment.host, sizeof(id->assignment.host), "%s", out->host);
    snprintf(id->assignment.device, sizeof(id->assignment.device), "%s", out->device);
    id->must_store = true;
    identity_assigned(&id->machine, now_us);
}

static void take_failure(struct north *north, uint64_t now_us, const struct dps_out *out)
{
    struct north_identity *id = &north->id;
    log_warn("identity", dps_failure_name(out->failure),
             "dps=%s registration=%s reason=%s retry_ms=%llu", log_quote(north->cfg.dps.host).text,
             log_quote(north->cfg.dps.registration_id).text, log_quote(out->reason).text,
             (unsigned long long)((dps_deadline_us(&id->dps) - now_us) / US_PER_MS));
    identity_not_assigned(&id->machine, now_us);
}

static void drain_dps(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    struct dps_out out;
    while (dps_next(&id->dps, now_us, &out)) {
        enum err err = OK;
        switch (out.kind) {
        case DPS_OUT_CONNECT: err = connect_dps(north, now_us, &out); break;
        case DPS_OUT_SUBSCRIBE: err = mqtt_subscribe(north->mqtt, 0, &out.filter, 1); break;
        case DPS_OUT_PUBLISH: err = publish_dps(north, &out); break;
        case DPS_OUT_DISCONNECT:
            id->has_connection = false;
            err = mqtt_disconnect(north->mqtt);
            break;
        case DPS_OUT_ASSIGNED: take_assigned(north, now_us, &out); break;
        case DPS_OUT_FAILED: take_failure(north, now_us, &out); break;
        }
        if (err != OK) {
            log_warn("identity", "queue_full", "err=%s", err_name(err)); // time-outs try again
        }
    }
}

bool north_identity_event(struct north *north, uint64_t now_us, const struct mqtt_event *event)
{
    struct north_identity *id = &north->id;
    bool is_refusal = event->kind == MQTT_REFUSED;
    if (!id->has_connection) {
        bool is_end = is_refusal || event->kind == MQTT_LOST ||
                      (event->kind == MQTT_SUBSCRIBED && event->refused_mask != 0);
        if (is_end) {
            identity_failed(&id->machine, now_us, event->kind != MQTT_LOST);
        }
        return false;
    }
    switch (event->kind) {
    case MQTT_CONNECTED: dps_connected(&id->dps, now_us); break;
    case MQTT_SUBSCRIBED: dps_subscribed(&id->dps, now_us, event->refused_mask); break;
    case MQTT_REFUSED:
    case MQTT_LOST:
        id->has_connection = false;
        dps_lost(&id->dps, now_us, is_refusal, event->reason);
        break;
    case MQTT_MESSAGE:
        dps_message(&id->dps, now_us, bytes_of(event->topic, strlen(event->topic)), event->payload);
        break;
    case MQTT_ACKED: break;
    }
    return true;
}

void north_identity_online(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    if (north->uplink.stats.odd_lives != id->odd_lives) {
        id->odd_lives = north->uplink.stats.odd_lives;
        log_warn("identity", "clock", "hub=%s problem=%s", log_quote(id->assignment.host).text,
                 log_quote("took only a token of another life: its clock and ours differ").text);
    }
    identity_accepted(&id->machine, now_us);
}

static void use_hub(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    dps_stop(&id->dps);
    drain_dps(north, now_us);
    const struct uplink_identity who = {.host = id->assignment.host,
                                        .device = id->assignment.device,
                                        .key = id->has_key ? &id->key.key : NULL};
    enum err err = uplink_use(&north->uplink, now_us, &who);
    if (err != OK) { // an assignment that cannot be: as if the service had failed
        log_warn("identity", "assignment", "hub=%s problem=%s", log_quote(who.host).text,
                 err_name(err));
    }
}

static void tell_expiry(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    struct wall_time utc;
    struct expiry_alarm alarm;
    while (north_clock(north, &utc) && expiry_next(&id->expiry, now_us, utc, &alarm)) {
        char text[TM_TEXT_SIZE_MAX];
        char day[16];
        time_t end = (time_t)alarm.end_s;
        struct tm broken;
        const char *file = alarm.item == EXPIRY_DEVICE ? id->files.pair.certificate : id->ca_file;
        if (gmtime_r(&end, &broken) == NULL ||
            strftime(day, sizeof(day), "%Y-%m-%d", &broken) == 0) {
            continue;
        }
        const char *what = alarm.item == EXPIRY_DEVICE ? "certificate" : "authorities";
        log_warn("identity", "expiry", "what=%s file=%s ends=%s days=%lld", what,
                 log_quote(file).text, day, (long long)alarm.days);
        snprintf(text, sizeof(text), "identity: %s end%s %s, in %lld days", what,
                 alarm.item == EXPIRY_DEVICE ? "s" : "", day, (long long)alarm.days);
        north_add_event(north, now_us,
                        &(struct tm_event){.kind = TM_EVENT_NOTE,
                                           .at_ms = (int64_t)(now_us / US_PER_MS),
                                           .text = bytes_of(text, strlen(text))});
    }
}

static void take_look(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    const struct identity_files *files = &id->files;
    if (files->must_store && files->store_error != OK) {
        log_warn("identity", "store", "problem=%s", err_name(files->store_error));
    }
    if (files->must_adopt && files->adopt_problem == NULL) {
        log_info("identity", "adopted", "certificate=%s", log_quote(files->pair.certificate).text);
    } else if (files->must_adopt) {
        log_warn("identity", "adopt", "certificate=%s problem=%s",
                 log_quote(files->next.certificate).text, log_quote(files->adopt_problem).text);
    }
    id->next = files->next;
    identity_set_next(&id->machine, now_us, files->next_version);
    if (files->has_device_end) {
        expiry_set(&id->expiry, EXPIRY_DEVICE, files->device_end_s);
    }
    if (files->has_authorities_end) {
        expiry_set(&id->expiry, EXPIRY_AUTHORITIES, files->authorities_end_s);
    }
    tell_expiry(north, now_us);
}

static void job_done(void *ctx)
{
    struct north *north = ctx;
    north->id.is_running = false;
    if (!north->is_closing) {
        take_look(north, port_now_us());
    }
}

static void run_job(void *ctx)
{
    struct north *north = ctx;
    identity_files_run(&north->id.files);
}

static void submit(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    id->files.must_store = id->must_store;
    id->files.must_adopt = id->must_adopt;
    id->files.assignment = id->assignment;
    id->files.adopt_version = id->adopt_version;
    id->must_store = id->must_adopt = false;
    id->look_us = time_after(now_us, LOOK_US);
    id->is_running = true;
    enum err err =
        worker_submit(id->worker, (struct job){.run = run_job, .done = job_done, .ctx = north});
    ASSERT(err == OK); // one at a time
}

static void ready(void *ctx, int fd)
{
    (void)fd;
    struct north *north = ctx;
    worker_collect(north->id.worker);
}

static void act(struct north *north, uint64_t now_us, enum identity_out out)
{
    struct north_identity *id = &north->id;
    switch (out) {
    case IDENTITY_OUT_PROVISION:
        log_info("identity", "provision", "dps=%s registration=%s",
                 log_quote(north->cfg.dps.host).text,
                 log_quote(north->cfg.dps.registration_id).text);
        uplink_hold(&north->uplink, now_us);
        north_drain_uplink(north, now_us);
        break;
    case IDENTITY_OUT_RESUME: use_hub(north, now_us); break;
    case IDENTITY_OUT_RECONNECT: uplink_reconnect(&north->uplink, now_us); break;
    case IDENTITY_OUT_ADOPT:
        id->must_adopt = true;
        id->adopt_version = id->machine.next_version;
        break;
    }
}

uint64_t north_identity_turn(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    enum identity_out out;
    identity_tick(&id->machine, now_us);
    do {
        while (identity_next(&id->machine, &out)) {
            act(north, now_us, out);
        }
        if (id->machine.state == IDENTITY_PROVISIONING) {
            dps_tick(&id->dps, now_us);
            dps_start(&id->dps, now_us);
        }
        drain_dps(north, now_us);
    } while (identity_has_output(&id->machine));
    if (!id->is_running && (id->must_store || id->must_adopt || now_us >= id->look_us)) {
        submit(north, now_us);
    }
    uint64_t deadline_us = time_min(identity_deadline_us(&id->machine), dps_deadline_us(&id->dps));
    return id->is_running ? deadline_us : time_min(deadline_us, id->look_us);
}

void north_identity_set_clock(struct north *north, uint64_t now_us, struct wall_time utc)
{
    if (is_given(north->cfg.dps.id_scope)) {
        dps_set_clock(&north->id.dps, now_us, utc);
    }
}

// The key, ours or derived from the group's.
static enum err load_key(struct north *north)
{
    struct north_identity *id = &north->id;
    const char *group = north->cfg.dps.group_key_file;
    bool has_group = is_given(group);
    const char *file = has_group ? group : or_empty(north->cfg.key_file);
    id->has_key = file[0] != 0;
    enum err err = id->has_key ? credential_read_key(file, &id->key) : OK;
    if (err == OK && has_group) {
        struct sas_key derived;
        sas_derive_key(&id->key.key, north->cfg.dps.registration_id, &derived);
        sas_key_wipe(&id->key.key);
        id->key.key = derived;
        sas_key_wipe(&derived);
    }
    return err;
}

// What the configuration says of hub and device, or an earlier registration of the same kind.
static bool load_assignment(struct north *north)
{
    struct north_identity *id = &north->id;
    const struct north_config *cfg = &north->cfg;
    struct assignment *now = &id->assignment;
    if (!is_given(cfg->dps.id_scope)) {
        snprintf(now->host, sizeof(now->host), "%s",
                 is_given(cfg->host) ? cfg->host : id->key.host);
        const char *otherwise = id->key.device[0] != 0 ? id->key.device : or_empty(cfg->gateway_id);
        snprintf(now->device, sizeof(now->device), "%s",
                 is_given(cfg->device_id) ? cfg->device_id : otherwise);
        return true;
    }
    struct assignment found;
    bool is_ours = identity_files_load(&id->files, &found) &&
                   strcmp(found.id_scope, cfg->dps.id_scope) == 0 &&
                   strcmp(found.registration_id, cfg->dps.registration_id) == 0;
    if (is_ours) {
        *now = found;
    }
    snprintf(now->id_scope, sizeof(now->id_scope), "%s", cfg->dps.id_scope);
    snprintf(now->registration_id, sizeof(now->registration_id), "%s", cfg->dps.registration_id);
    return is_ours;
}

static enum err init_machines(struct north *north, uint64_t now_us, bool is_assigned)
{
    struct north_identity *id = &north->id;
    const struct north_config *cfg = &north->cfg;
    bool has_dps = is_given(cfg->dps.id_scope);
    const struct dps_config dps = {.id_scope = cfg->dps.id_scope,
                                   .registration_id = or_empty(cfg->dps.registration_id),
                                   .key = id->has_key ? &id->key.key : NULL,
                                   .payload = cfg->dps.payload,
                                   .seed = north_random_id()};
    if (has_dps && dps_init(&id->dps, &dps) != OK) {
        log_error("identity", "provisioning",
                  "problem=\"id_scope or registration_id is empty or too long, or payload is no "
                  "JSON\"");
        return ERR_ARG;
    }
    identity_init(&id->machine,
                  &(struct identity_config){.has_provisioning = has_dps,
                                            .is_assigned = is_assigned,
                                            .has_certificate = is_given(cfg->certificate_file),
                                            .seed = north_random_id()},
                  now_us);
    expiry_init(&id->expiry, cfg->expiry_alarm_days);
    return OK;
}

static enum err find_authorities(struct north *north)
{
    struct north_identity *id = &north->id;
    enum err err = credential_path(north->cfg.ca_file, id->ca_file);
    if (err != OK) {
        return err;
    }
    const char *problem = authorities_problem(id->ca_file);
    if (problem != NULL) {
        log_error("identity", "authorities", "ca_file=%s problem=%s", log_quote(id->ca_file).text,
                  log_quote(problem).text);
        return ERR_ARG;
    }
    log_info("identity", "authorities", "ca_file=%s kind=%s", log_quote(id->ca_file).text,
             authorities_is_folder(id->ca_file) ? "folder" : "file");
    return OK;
}

enum err north_identity_open(struct north *north, uint64_t now_us)
{
    struct north_identity *id = &north->id;
    const struct north_config *cfg = &north->cfg;
    enum err err = identity_files_open(&id->files, cfg->data_dir, or_empty(cfg->certificate_file),
                                       or_empty(cfg->private_key_file));
    err = err == OK ? load_key(north) : err;
    err = err == OK ? find_authorities(north) : err;
    if (err != OK) {
        return err;
    }
    id->files.ca_file = id->ca_file;
    bool is_assigned = load_assignment(north);
    if (is_assigned && (id->assignment.host[0] == 0 || id->assignment.device[0] == 0)) {
        log_error("uplink", "open",
                  "problem=\"neither hub.host and hub.device_id nor a connection "
                  "string says which hub and who we are\"");
        return ERR_ARG;
    }
    err = init_machines(north, now_us, is_assigned);
    identity_files_run(&id->files);
    take_look(north, now_us);
    err = err == OK ? worker_start("identity", 1, &id->worker) : err;
    return err == OK ? loop_watch(cfg->loop, worker_fd(id->worker), ready, north) : err;
}

void north_identity_close(struct north *north)
{
    struct north_identity *id = &north->id;
    if (id->worker != NULL) {
        loop_unwatch(north->cfg.loop, worker_fd(id->worker));
        worker_stop(id->worker);
    }
    identity_files_close(&id->files);
    sas_key_wipe(&id->key.key);
}
