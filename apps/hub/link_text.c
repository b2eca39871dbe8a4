// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/link_text.h"

#include "base/assert.h"
#include "json/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool take_text(struct bytes *rest, const char *text)
{
    size_t size = strlen(text);
    if (rest->size < size || memcmp(rest->data, text, size) != 0) {
        return false;
    }
    *rest = bytes_of(rest->data + size, rest->size - size);
    return true;
}

// A decimal number below 2^63 without leading zeros, and what ends it: '/' or the end of the text.
static bool take_number(struct bytes *rest, bool is_last, uint64_t *out)
{
    uint64_t value = 0;
    size_t at = 0;
    while (at < rest->size && rest->data[at] >= '0' && rest->data[at] <= '9') {
        uint64_t digit = (uint64_t)(rest->data[at] - '0');
        if (value > ((UINT64_C(1) << 63) - 1 - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
        at++;
    }
    bool has_end = is_last ? at == rest->size : at < rest->size && rest->data[at] == '/';
    if (at == 0 || (at > 1 && rest->data[0] == '0') || !has_end) {
        return false;
    }
    size_t used = is_last ? at : at + 1;
    *rest = bytes_of(rest->data + used, rest->size - used);
    *out = value;
    return true;
}

enum hub_link_kind hub_link_words_parse(struct bytes topic, struct hub_link_words *out)
{
    struct hub_link_words words = {0};
    enum hub_link_kind kind = HUB_LINK_NONE;
    struct bytes rest = topic;
    if (bytes_equal(topic, bytes_of("sync", 4))) {
        kind = HUB_LINK_SYNC;
    } else if (take_text(&rest, "ack/")) {
        kind = take_number(&rest, true, &words.number) ? HUB_LINK_ACK : HUB_LINK_NONE;
    } else if (take_text(&rest, "to/")) {
        bool is_good = take_number(&rest, false, &words.number) &&
                       take_number(&rest, false, &words.qos) && rest.size > 0;
        kind = is_good ? HUB_LINK_TO : HUB_LINK_NONE;
    } else if (take_text(&rest, "tell/")) {
        words.qos = 1;
        bool is_good = take_number(&rest, false, &words.number) &&
                       take_number(&rest, false, &words.token) && rest.size > 0;
        kind = is_good ? HUB_LINK_TELL : HUB_LINK_NONE;
    } else if (take_text(&rest, "kick/")) {
        bool is_good = take_number(&rest, false, &words.number) && rest.size > 0;
        kind = is_good ? HUB_LINK_KICK : HUB_LINK_NONE;
    }
    words.device = rest;
    *out = kind != HUB_LINK_NONE ? words : *out;
    return kind;
}

void hub_link_put_topic(char *out, size_t size, uint64_t seq, const char *word, uint64_t number,
                        const char *device)
{
    snprintf(out, size, "l/%" PRIu64 "/%s/%" PRIu64 "/%s", seq, word, number, device);
}

void hub_link_put_hello(char *topic, char *body, size_t size, uint64_t seq, uint64_t boot)
{
    snprintf(topic, size, "l/%" PRIu64 "/hello", seq);
    snprintf(body, size, "%016" PRIx64, boot);
}

void hub_link_put_metered(char *topic, char *body, size_t size, uint64_t seq,
                          struct hub_quota_day day)
{
    snprintf(topic, size, "l/%" PRIu64 "/metered", seq);
    snprintf(body, size, "%" PRId64 " %" PRIu64, day.number, day.used);
}

static void put_hex(struct json_writer *w, const char *key, const struct hub_thumbprint *in)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * HUB_THUMBPRINT_SIZE_MAX + 1] = "";
    for (size_t i = 0; i < in->size; i++) {
        text[2 * i] = digits[in->bytes[i] >> 4];
        text[2 * i + 1] = digits[in->bytes[i] & 15];
    }
    json_put_key_string(w, key, text);
}

static void end_text(const struct json_writer *w, char *out)
{
    ASSERT(!w->failed && w->size < w->capacity + 1);
    out[w->size] = '\0';
}

void hub_link_put_up(char *out, size_t size, enum hub_mode mode,
                     const struct hub_connection *connection)
{
    const struct hub_login *login = &connection->login;
    struct json_writer w;
    json_writer_init(&w, out, size - 1);
    json_begin_object(&w);
    json_put_key_string(&w, "auth", login->certificate.size > 0 ? "x509" : "sas");
    json_put_key_bool(&w, "clean", connection->was_clean);
    json_put_key_u64(&w, "subscriptions", hub_filter_mask(connection->filters));
    if (login->certificate.size > 0) {
        put_hex(&w, "thumbprint", &login->certificate);
    }
    if (mode == HUB_MODE_DPS) {
        json_put_key_string(&w, "enrolment", login->is_group ? "group" : "individual");
        json_put_key_string(&w, "id", login->name);
    }
    json_end_object(&w);
    end_text(&w, out);
}

static void put_refusal_body(const struct hub_link_refusal *refusal, char *out, size_t size)
{
    char tracking[64];
    char stamp[32] = "";
    time_t seconds = (time_t)refusal->utc_s;
    struct tm parts;
    snprintf(tracking, sizeof(tracking), "%016" PRIx64 "-%" PRIu64, refusal->boot, refusal->number);
    if (gmtime_r(&seconds, &parts) != NULL) {
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    struct json_writer w;
    json_writer_init(&w, out, size - 1);
    json_begin_object(&w);
    json_put_key_i64(&w, "errorCode", refusal->status == 503 ? 503001 : 429001);
    json_put_key_string(&w, "message",
                        refusal->status == 503 ? "ServiceUnavailable: the hub's backend is away"
                                               : "ThrottlingException: too many requests wait");
    json_put_key_string(&w, "trackingId", tracking);
    json_put_key_string(&w, "timestampUtc", stamp);
    json_end_object(&w);
    end_text(&w, out);
}

void hub_link_put_refusal(const struct hub_link_refusal *refusal, char *topic, char *body,
                          size_t size)
{
    bool is_dps = refusal->mode == HUB_MODE_DPS;
    struct az_topic answer = {
        .kind = is_dps ? AZ_DPS_ANSWER : AZ_TWIN_ANSWER,
        .status = refusal->status,
        .rid = refusal->rid,
        .has_retry_after = is_dps,
        .retry_after_s = is_dps ? 5 : 0,
    };
    struct writer w = writer_of(topic, size - 1);
    az_topic_build(&answer, &w);
    ASSERT(!w.failed); // a request id is at most AZ_RID_SIZE_MAX bytes
    topic[w.size] = '\0';
    put_refusal_body(refusal, body, size);
}
