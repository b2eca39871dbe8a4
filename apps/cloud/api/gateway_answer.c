// SPDX-License-Identifier: Apache-2.0
// A hub's answer in the page's words: what became of it, for the person who asked and for the table
// of commands.
#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/gateway.h"
#include "apps/cloud/api/twin_view.h"
#include "base/assert.h"
#include "json/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_FRAME_SIZE = 1024, BUSY_S = 5 };

static const struct refusal {
    const char *azure; // the hub's word
    int status;
    const char *code; // ours; the page has words for each
} refusals[] = {
    {"DeviceNotFound", 409, "gateway_unknown"}, {"DeviceNotOnline", 409, "gateway_offline"},
    {"GatewayTimeout", 504, "gateway_silent"},  {"PreconditionFailed", 412, "changed_meanwhile"},
    {"TooManyRequests", 409, "gateway_busy"},
};

static struct refusal refusal_of(const struct hub_call *call)
{
    switch (call->outcome) {
    case HUB_DONE:
    case HUB_MISFIT: return (struct refusal){"", 502, "hub_misfit"};
    case HUB_UNREACHABLE:
        return call->was_sent && hub_call_changes(call)
                   ? (struct refusal){"", 504, "hub_silent"}
                   : (struct refusal){"", 502, "hub_unreachable"};
    case HUB_BUSY: return (struct refusal){"", 503, "hub_busy"};
    case HUB_REFUSED: break;
    }
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        if (strcmp(call->code, refusals[i].azure) == 0) {
            return refusals[i];
        }
    }
    return call->status == 412   ? (struct refusal){"", 412, "changed_meanwhile"}
           : call->status == 401 ? (struct refusal){"", 502, "hub_denied"}
                                 : (struct refusal){"", 502, "hub_refused"};
}

static void answer_refusal(struct http_conn *conn, const struct hub_call *call)
{
    const struct refusal refusal = refusal_of(call);
    const char *message = call->message[0] != '\0' ? call->message : "the hub gave no reason";
    if (call->outcome == HUB_BUSY) {
        answer_busy(conn, 503, call->retry_after_s > 0 ? call->retry_after_s : BUSY_S, message);
    } else {
        answer_error(conn, refusal.status, refusal.code, message);
    }
}

static struct bytes answer_of(const struct hub_call *call)
{
    return bytes_of(call->answer, call->answer_size);
}

void gateway_outcome(struct gateway_job *job)
{
    const struct hub_call *call = &job->call;
    int64_t status = 0;
    struct bytes payload;
    if (call->outcome != HUB_DONE) {
        snprintf(job->outcome, sizeof(job->outcome), "%s: %.180s", refusal_of(call).code,
                 call->message);
    } else if (job->verb == GATEWAY_CONFIGURE) {
        // The table keeps but the beginning of a long change: the version leads to the rest.
        uint64_t version = 0;
        if (twin_desired_version(answer_of(call), &version) == OK) {
            snprintf(job->outcome, sizeof(job->outcome), "stored as version %" PRIu64, version);
        } else {
            snprintf(job->outcome, sizeof(job->outcome), "stored");
        }
    } else if (method_answer_read(answer_of(call), &status, &payload) == OK) {
        snprintf(job->outcome, sizeof(job->outcome), "%" PRId64, status);
    } else {
        snprintf(job->outcome, sizeof(job->outcome), "hub_misfit");
    }
}

static enum err put_method(struct json_writer *w, struct bytes answer)
{
    int64_t status = 0;
    struct bytes payload;
    enum err err = method_answer_read(answer, &status, &payload);
    if (err == OK) {
        json_put_key_i64(w, "status", status);
        json_put_key(w, "payload");
        json_put_raw(w, payload);
    }
    return err;
}

static enum err put_fleet(struct json_writer *w, const struct hub_call *call)
{
    json_put_key(w, "gateways");
    enum err err = fleet_view_write(answer_of(call), w);
    json_put_key_string(w, "continuation",
                        call->continuation[0] != '\0' ? call->continuation : NULL);
    return err;
}

static enum err put_answer(struct json_writer *w, const struct gateway_job *job)
{
    switch (job->verb) {
    case GATEWAY_COMMAND: return put_method(w, answer_of(&job->call));
    case GATEWAY_FLEET: return put_fleet(w, &job->call);
    case GATEWAY_SHOW:
    case GATEWAY_CONFIGURE: return twin_view_write(answer_of(&job->call), w);
    case GATEWAY_LIST:
    case GATEWAY_RECORDS:
    case GATEWAY_RECORD:
    case GATEWAY_NUDGE: break;
    }
    ASSERT(false);
    return ERR_STATE;
}

void gateway_answer(struct gateway_job *job)
{
    const struct hub_call *call = &job->call;
    if (job->conn == NULL) {
        return;
    }
    if (call->outcome != HUB_DONE) {
        answer_refusal(job->conn, call);
        return;
    }
    const size_t capacity = call->answer_size + ANSWER_FRAME_SIZE;
    char *text = malloc(capacity);
    struct json_writer w;
    json_writer_init(&w, text, text != NULL ? capacity : 0);
    json_begin_object(&w);
    const enum err err = put_answer(&w, job);
    if (err == OK) {
        json_end_object(&w);
    }
    const struct bytes made = err == OK ? json_writer_bytes(&w) : bytes_of(NULL, 0);
    if (made.size > 0) {
        answer_json(job->conn, 200, made, NULL);
    } else {
        answer_error(job->conn, 502, "hub_misfit", "the hub's answer is not in Azure's form");
    }
    free(text);
}
