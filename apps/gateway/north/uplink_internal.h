// SPDX-License-Identifier: Apache-2.0
// What the uplink's own files share: what it tells the pacing and the budget, if there are any.
#ifndef GATEWAY_UPLINK_INTERNAL_H
#define GATEWAY_UPLINK_INTERNAL_H

#include "apps/gateway/north/uplink.h"

// Writes topic and payload of the will of the attempt that begins now.
void uplink_make_will(struct uplink *up, uint64_t now_us);

void uplink_tell_online(struct uplink *up, uint64_t now_us);
// is_closed: a connection that was online ended, not by us.
void uplink_tell_offline(struct uplink *up, uint64_t now_us, bool is_closed);
void uplink_tell_taken(struct uplink *up, uint64_t now_us, const struct journal_message *message);
bool uplink_may_publish(struct uplink *up, uint64_t now_us, const struct journal_message *message);
void uplink_tell_published(struct uplink *up, uint64_t now_us, const struct uplink_slot *slot);
// The slot is free by now, but for its time.
void uplink_tell_acked(struct uplink *up, uint64_t now_us, const struct uplink_slot *slot);

// When a PUBLISH without PUBACK ends the connection.
uint64_t uplink_ack_deadline_us(const struct uplink *up);

#endif
