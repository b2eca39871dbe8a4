// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/dps.h"

#include "apps/hub/backend/allocation.h"
#include "apps/hub/backend/registry.h"
#include "base/assert.h"
#include "port/linux/log.h"
#include "json/reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MODULE "dps"

// Azure's numbers where they differ from the hub's.
enum { DPS_UNAUTHORIZED = 401002, DPS_BAD_REQUEST = 400004, DPS_NO_OPERATION = 404204 };

void dps_init(struct dps *dps, struct store *store, struct twins *twins, const char *own_hub)
{
    dps->store = store;
    dps->twins = twins;
    dps->retry_after_s = DPS_RETRY_AFTER_S;
    snprintf(dps->own_hub, sizeof(dps->own_hub), "%s", own_hub);
}

static void answer_error(struct dps *dps, int code, const char *message, int64_t utc_ms,
                         struct dps_answer *out)
{
    struct json_writer w;
    char time[STORE_TIME_SIZE];
    char tracking[33] = "";
    uint64_t random[2] = {0};
    if (random_bytes(random, sizeof(random)) == OK) {
        snprintf(tracking, sizeof(tracking), "%016llx%016llx", (unsigned long long)random[0],
                 (unsigned long long)random[1]);
    }
    store_time(utc_ms, time);
    json_writer_init(&w, dps->answer, sizeof(dps->answer));
    json_begin_object(&w);
    json_put_key_i64(&w, "errorCode", code);
    json_put_key_string(&w, "trackingId", tracking);
    json_put_key_string(&w, "message", message);
    json_put_key_string(&w, "timestampUtc", time);
    json_end_object(&w);
    *out = (struct dps_answer){.status = code / 1000, .body = json_writer_bytes(&w)};
    out->has_retry_after = out->status == 429 || out->status >= 500;
}

// {"registrationId": "..", ..}, whose id must be the one that was authenticated.
static bool check_body(const struct dps_request *in, struct verdict *why)
{
    struct json_reader r;
    struct json_text key;
    char id[ID_SIZE] = "";
    struct json_options options = {.depth_max = 32};
    json_reader_init(&r, in->body, &options);
    bool is_good = json_enter_object(&r);
    while (is_good && json_next_key(&r, &key)) {
        is_good = json_text_is(&key, "registrationId") ? json_get_string(&r, id, sizeof(id), NULL)
                                                       : json_skip(&r);
    }
    if (!is_good || !json_end(&r)) {
        struct json_place place = json_place_of(in->body, r.error.offset);
        return refuse(why, HUB_ARGUMENT_INVALID, "body, line %u column %u: %s", place.line,
                      place.column, r.error.message);
    }
    return strcmp(id, in->session->id) == 0 ||
           refuse(why, HUB_ARGUMENT_INVALID, "registrationId is not the one that connected");
}

// The device as the registry shall have it.
static void make_device(const struct dps *dps, const struct dps_request *in, struct device *device)
{
    const struct enrolment *e = &dps->enrolment;
    *device = (struct device){.is_enabled = true};
    memcpy(device->id, dps->registration.device_id, sizeof(device->id));
    if (in->session->is_x509) {
        device->auth = DEVICE_AUTH_SELF_SIGNED; // the very certificate, whoever signed it
        device->thumbprints[0] = in->session->thumbprint;
        return;
    }
    for (int i = 0; i < 2; i++) {
        device->keys[i] = e->keys[i];
        if (e->is_group && e->keys[i].size > 0) {
            key_derive(&e->keys[i], bytes_of_text(in->session->id), &device->keys[i]);
        }
    }
}

// Adds the device, or gives it the credentials of now; `begins`: its twin is the initial one.
static bool write_device(struct dps *dps, const struct dps_request *in,
                         const struct allocation *chosen, bool begins, struct verdict *why)
{
    struct device device;
    struct device old;
    make_device(dps, in, &device);
    bool is_there = registry_read(dps->store, bytes_of_text(device.id), &old, why);
    if (!is_there && why->code != HUB_DEVICE_NOT_FOUND) {
        return false;
    }
    if (is_there) {
        device.is_enabled = old.is_enabled;
        memcpy(device.status_reason, old.status_reason, sizeof(device.status_reason));
        if (!registry_update(dps->store, &device, "*", in->utc_ms, why)) {
            return false;
        }
    } else if (!registry_create(dps->store, &device, in->utc_ms, why)) {
        return false;
    }
    if (is_there && !begins) {
        return true;
    }
    struct bytes twin = chosen->initial_twin.size > 0 ? chosen->initial_twin : bytes_of_text("{}");
    return (!is_there && chosen->initial_twin.size == 0) ||
           twins_set_initial(dps->twins, bytes_of_text(device.id), twin, !is_there, in->utc_ms,
                             why);
}

static bool is_own(const struct dps *dps, const char *hub)
{
    return strcasecmp(hub, dps->own_hub) == 0;
}

// Fills the registration with what is decided. False: it cannot be assigned.
static bool assign(struct dps *dps, const struct dps_request *in, bool is_again,
                   struct verdict *why)
{
    struct registration *r = &dps->registration;
    const struct enrolment *e = &dps->enrolment;
    struct allocation chosen;
    if (!allocation_choose(e, bytes_of_text(r->id), dps->own_hub, &chosen, why)) {
        return false;
    }
    bool begins = !is_again || (e->may_move && !e->keeps_data);
    r->substatus = !is_again       ? REGISTRATION_INITIAL
                   : !e->may_move  ? REGISTRATION_KEPT
                   : e->keeps_data ? REGISTRATION_MIGRATED
                                   : REGISTRATION_RESET;
    if (!is_again || e->may_move) {
        memcpy(r->hub, chosen.hub, sizeof(r->hub));
    }
    ASSERT(chosen.payload.size < sizeof(r->payload));
    memset(r->payload, 0, sizeof(r->payload));
    if (chosen.payload.size > 0) {
        memcpy(r->payload, chosen.payload.data, chosen.payload.size);
    }
    const char *wanted = e->is_group || e->device_id[0] == '\0' ? r->id : e->device_id;
    if (!is_again) {
        snprintf(r->device_id, sizeof(r->device_id), "%s", wanted);
    }
    r->status = REGISTRATION_ASSIGNED;
    // Another hub has its own registry: whoever runs it puts the device there.
    return !is_own(dps, r->hub) || write_device(dps, in, &chosen, begins, why);
}

static bool new_operation(struct registration *r, struct verdict *why)
{
    uint64_t random[2];
    if (random_bytes(random, sizeof(random)) != OK) {
        return fail(why, ERR_IO);
    }
    snprintf(r->operation_id, sizeof(r->operation_id), "%016llx%016llx",
             (unsigned long long)random[0], (unsigned long long)random[1]);
    return true;
}

// The earlier registration if it is of the same enrolment and was assigned.
static bool load_registration(struct dps *dps, const struct dps_request *in, bool *is_again,
                              struct verdict *why)
{
    struct registration *r = &dps->registration;
    const char *group = in->session->is_group ? in->session->enrolment : "";
    bool is_there = registrations_read(dps->store, bytes_of_text(in->session->id), r, why);
    if (!is_there && why->code != HUB_NOT_FOUND) {
        return false;
    }
    *is_again = is_there && r->status == REGISTRATION_ASSIGNED && strcmp(r->group, group) == 0;
    int64_t created_ms = is_there ? r->created_ms : in->utc_ms;
    if (!*is_again) {
        *r = (struct registration){.created_ms = created_ms};
        memcpy(r->id, in->session->id, sizeof(r->id));
        snprintf(r->group, sizeof(r->group), "%s", group);
    }
    return true;
}

// A decision that went wrong is undone alone: that it failed is stored.
static bool decide(struct dps *dps, const struct dps_request *in, bool is_again,
                   struct verdict *why)
{
    struct registration *r = &dps->registration;
    if (!dps->enrolment.is_enabled) {
        r->status = REGISTRATION_DISABLED;
        return true;
    }
    enum err err = store_begin(dps->store);
    if (err != OK) {
        return fail(why, err);
    }
    bool is_good = assign(dps, in, is_again, why);
    struct verdict reason = *why;
    err = store_end(dps->store, is_good);
    if (err != OK) {
        return fail(why, err);
    }
    if (!is_good && hub_code_status(reason.code) >= 429) {
        return false; // of ours: the device asks again
    }
    if (!is_good) {
        r->status = REGISTRATION_FAILED;
        r->error_code = (int32_t)reason.code;
        snprintf(r->error_message, sizeof(r->error_message), "%s", reason.message);
    }
    return true;
}

static bool do_register(struct dps *dps, const struct dps_request *in, struct verdict *why)
{
    bool is_again = false;
    if (!enrolments_read(dps->store, bytes_of_text(in->session->enrolment), in->session->is_group,
                         &dps->enrolment, why) ||
        !load_registration(dps, in, &is_again, why)) {
        return false;
    }
    return decide(dps, in, is_again, why) && new_operation(&dps->registration, why) &&
           registrations_write(dps->store, &dps->registration, in->utc_ms, why);
}

static void register_device(struct dps *dps, const struct dps_request *in, struct dps_answer *out)
{
    struct verdict why = {0};
    if (!check_body(in, &why)) {
        answer_error(dps, DPS_BAD_REQUEST, why.message, in->utc_ms, out);
        return;
    }
    enum err err = store_begin(dps->store);
    bool is_good = err == OK ? do_register(dps, in, &why) : fail(&why, err);
    if (err == OK) {
        err = store_end(dps->store, is_good);
        is_good = err == OK ? is_good : fail(&why, err);
    }
    if (!is_good) {
        bool is_gone = why.code == HUB_NOT_FOUND; // the enrolment, since the device connected
        answer_error(dps, is_gone ? DPS_UNAUTHORIZED : (int)why.code,
                     is_gone ? "Unauthorized" : why.message, in->utc_ms, out);
        return;
    }
    const struct registration *r = &dps->registration;
    log_info(MODULE, "registered", "registration=%s status=%s device=%s", r->id,
             registration_status_name(r->status), r->device_id);
    struct json_writer w;
    json_writer_init(&w, dps->answer, sizeof(dps->answer));
    json_begin_object(&w);
    json_put_key_string(&w, "operationId", r->operation_id);
    json_put_key_string(&w, "status", registration_status_name(REGISTRATION_ASSIGNING));
    json_end_object(&w);
    *out =
        (struct dps_answer){.status = 202, .has_retry_after = true, .body = json_writer_bytes(&w)};
}

static void tell_status(struct dps *dps, const struct dps_request *in, struct dps_answer *out)
{
    struct verdict why;
    struct registration *r = &dps->registration;
    bool is_there = registrations_read(dps->store, bytes_of_text(in->session->id), r, &why);
    if (!is_there && why.code != HUB_NOT_FOUND) {
        answer_error(dps, (int)why.code, why.message, in->utc_ms, out);
        return;
    }
    if (!is_there || !bytes_equal(bytes_of_text(r->operation_id), in->topic->operation_id)) {
        answer_error(dps, DPS_NO_OPERATION, "no such operation", in->utc_ms, out);
        return;
    }
    struct json_writer w;
    json_writer_init(&w, dps->answer, sizeof(dps->answer));
    json_begin_object(&w);
    json_put_key_string(&w, "operationId", r->operation_id);
    json_put_key_string(&w, "status", registration_status_name(r->status));
    json_put_key(&w, "registrationState");
    registration_put(r, &w);
    json_end_object(&w);
    ASSERT(!w.failed);
    *out = (struct dps_answer){.status = 200, .body = json_writer_bytes(&w)};
}

void dps_request(struct dps *dps, const struct dps_request *in, struct dps_answer *out)
{
    if (in->topic->kind == AZ_DPS_REGISTER) {
        register_device(dps, in, out);
    } else {
        ASSERT(in->topic->kind == AZ_DPS_STATUS);
        tell_status(dps, in, out);
    }
}
