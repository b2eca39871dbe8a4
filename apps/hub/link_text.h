// SPDX-License-Identifier: Apache-2.0
// The link's topics and bodies as text, read and written.
#ifndef HUB_LINK_TEXT_H
#define HUB_LINK_TEXT_H

#include "apps/hub/connections.h"
#include "apps/hub/filter.h"
#include "apps/hub/quota.h"

enum hub_link_kind {
    HUB_LINK_NONE,
    HUB_LINK_SYNC,
    HUB_LINK_ACK,
    HUB_LINK_TO,
    HUB_LINK_TELL,
    HUB_LINK_KICK
};

struct hub_link_words {
    uint64_t number; // of the connection, or the one acknowledged
    uint64_t qos;    // of HUB_LINK_TO; 1 of HUB_LINK_TELL
    uint64_t token;  // of HUB_LINK_TELL
    struct bytes device;
};

// A topic of the backend; HUB_LINK_NONE: not one, *out is untouched.
enum hub_link_kind hub_link_words_parse(struct bytes topic, struct hub_link_words *out);

// `l/{seq}/{word}/{number}/{device}`.
void hub_link_put_topic(char *out, size_t size, uint64_t seq, const char *word, uint64_t number,
                        const char *device);
void hub_link_put_hello(char *topic, char *body, size_t size, uint64_t seq, uint64_t boot);
// `l/{seq}/metered` with day and messages.
void hub_link_put_metered(char *topic, char *body, size_t size, uint64_t seq,
                          struct hub_quota_day day);
// The JSON of `up`.
void hub_link_put_up(char *out, size_t size, enum hub_mode mode,
                     const struct hub_connection *connection);

struct hub_link_refusal {
    int32_t status; // 503: the backend is away, 429: behind
    uint64_t boot;
    uint64_t number;
    uint64_t utc_s;
    enum hub_mode mode;
    struct bytes rid;
};

// Azure's answer to a device, made here.
void hub_link_put_refusal(const struct hub_link_refusal *refusal, char *topic, char *body,
                          size_t size);

#endif
