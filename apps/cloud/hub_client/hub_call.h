// SPDX-License-Identifier: Apache-2.0
// One question to a hub's service REST, in Azure's shapes: what to ask as HTTP, and what the answer
// means. Pure; hub_client.h carries it.
#ifndef CLOUD_HUB_CALL_H
#define CLOUD_HUB_CALL_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
    HUB_DEVICE_SIZE = 129, // with the final 0
    HUB_METHOD_SIZE = 101,
    HUB_ETAG_SIZE = 128,
    HUB_CONTINUATION_SIZE = 1024,
    HUB_BODY_MAX = 160 * 1024,   // of a request: a method's payload and its frame
    HUB_ANSWER_MAX = 512 * 1024, // bytes of an answer
    HUB_URL_SIZE = 2048,
    HUB_CODE_SIZE = 64,
    HUB_MESSAGE_SIZE = 256,
    HUB_METHOD_TIMEOUT_MIN_S = 5,
    HUB_METHOD_TIMEOUT_MAX_S = 300,
    HUB_ANSWER_S = 15, // beyond a method's own time
};

#define HUB_API_VERSION "2021-04-12"

enum hub_verb {
    HUB_TWIN,       // GET /twins/{device}
    HUB_TWIN_PATCH, // PATCH, body: {"properties":{"desired":{...}}}; needs if_match
    HUB_METHOD,     // POST /twins/{device}/methods; body: the payload, a JSON value, may be empty
    HUB_QUERY,      // POST /devices/query; body: the query's text
    HUB_MESSAGE,    // POST /devices/{device}/messages/devicebound: our hub alone
};

enum hub_outcome {
    HUB_DONE,        // 2xx
    HUB_REFUSED,     // the hub said no: status, code, message
    HUB_BUSY,        // 429 or 503, also after the tries that were left
    HUB_UNREACHABLE, // no connection, no TLS, no answer in time
    HUB_MISFIT,      // an answer that is none: too large, not JSON
};

// The caller's memory; the client's from hub_client_submit until `done`.
struct hub_call {
    enum hub_verb verb;
    char device[HUB_DEVICE_SIZE];
    char method[HUB_METHOD_SIZE];
    char if_match[HUB_ETAG_SIZE]; // as the twin's "etag" has it, without quotes; "*": any
    char continuation[HUB_CONTINUATION_SIZE];
    uint32_t item_max;  // HUB_QUERY; 0: the hub's choice
    uint32_t timeout_s; // HUB_METHOD
    uint32_t expiry_s;  // HUB_MESSAGE: not wanted any more after so long; 0: the hub's choice
    char *body;         // freed by hub_call_clear
    size_t body_size;
    void (*done)(struct hub_call *call); // on the loop's thread
    void *ctx;
    // Out:
    enum hub_outcome outcome;
    int status; // HTTP's; 0: none came
    uint32_t retry_after_s;
    bool was_sent;                  // the hub may have got it, also if no answer came
    bool is_too_large;              // HUB_MISFIT: the answer is larger than HUB_ANSWER_MAX
    char code[HUB_CODE_SIZE];       // Azure's word, such as DeviceNotOnline; "": none
    char message[HUB_MESSAGE_SIZE]; // for people
    char *answer;                   // freed by hub_call_clear; HUB_DONE
    size_t answer_size;
    // The client's own.
    unsigned tries;
    uint64_t give_up_us;
    uint64_t due_us;
    bool has_new_token; // a 401 was answered by a fresh token once
};

// Frees what it owns; the rest is left.
void hub_call_clear(struct hub_call *call);

// Whether asking twice may do twice; a message to a device is only a nudge.
bool hub_call_changes(const struct hub_call *call);
const char *hub_call_http_method(const struct hub_call *call);
// base without a final slash. ERR_SIZE.
NODISCARD enum err hub_call_url(const struct hub_call *call, const char *base, char *out,
                                size_t capacity);
// The request's body; ERR_SIZE. A method's frame is put around its payload.
NODISCARD enum err hub_call_body(const struct hub_call *call, struct writer *out);
// How long the hub may take for the whole answer.
uint32_t hub_call_timeout_s(const struct hub_call *call);

// Whether it has waited so long for its first or next turn that whoever asked may have asked again,
// or gone: then it is not begun any more.
bool hub_call_is_late(const struct hub_call *call, uint64_t now_us);
void hub_call_set_late(struct hub_call *call);

// What came back; header values "" if absent. Sets outcome, code and message.
struct hub_reply {
    int status;
    struct bytes body;
    const char *error_code;  // iothub-errorcode
    const char *retry_after; // seconds; a date counts as absent
};
void hub_call_read(struct hub_call *call, const struct hub_reply *reply);

// Whether one more try is due, and after how many milliseconds. What may have reached the hub is
// asked again only if it changes nothing, or the hub said itself that it did nothing (429, 503).
// A page of a query that was too large is asked for with fewer items. random: any number, for
// jitter.
enum { HUB_TRIES_MAX = 4, HUB_RETRY_WAIT_MAX_MS = 10000, HUB_GIVE_UP_MS = 25000 };
bool hub_call_retry(struct hub_call *call, uint32_t random, uint32_t *wait_ms);

#endif
