// SPDX-License-Identifier: Apache-2.0
// Everything after the samples on Linux, wired together: the journal on its thread, the uplink
// machine on the caller's loop, the MQTT client on its thread.
//
//   north_open -> north_find_relay*, north_set_catalogue -> { north_add, ..., north_turn }* ->
//   north_close
//
// All functions are called on the loop's thread and never block, but for north_open and
// north_close. What waits for the journal's thread is bounded by queue_max; beyond it samples are
// dropped, counted and announced by a gap marker.
#ifndef GATEWAY_NORTH_LINUX_H
#define GATEWAY_NORTH_LINUX_H

#include "apps/gateway/journal/journal_types.h"
#include "apps/gateway/north/inbox.h"
#include "apps/gateway/north/uplink.h"
#include "port/linux/loop.h"

struct north_config {
    struct loop *loop;    // its turn must call north_turn
    const char *data_dir; // the journal lies in <data_dir>/journal/
    uint64_t bytes_max;   // as in journal_config; 0: default
    uint32_t segment_size;
    uint32_t age_max_s;
    enum journal_order order;
    uint32_t sync_ms, max_age_ms, watch_age_ms;
    uint32_t backfill_messages_per_min; // as in pacing_config
    uint32_t budget_per_day;            // as in budget_config
    uint32_t meter_block_size;
    bool has_will;
    const char *proxy;            // as in port/linux/proxy.h; NULL or "": none
    const char *proxy_login_file; // "user:password", mode 0600; NULL or "": none
    uint16_t keep_alive_s;        // as in mqtt_config
    uint32_t retry_max_s;         // 0: default of the uplink
    // Ids of sensors, then of points with limits: what is kept of them. Borrowed for north's life.
    const uint32_t *keys;
    size_t key_count, relay_count;
    // Must say OK before anything is written, on the journal's thread; as in journal_config.
    enum err (*prepare)(void *ctx);
    void *prepare_ctx;
    size_t queue_max;       // samples on the way to the journal; default 2,048
    bool trust_clock;       // believe the clock although the kernel does not call it synchronised
    const char *sync_trace; // file that gets a JSON line per durable sample; NULL: none
    // The rest may be NULL or "". No host, no key file and no id scope: no hub, all stays in the
    // journal. A file may be `credential:NAME`.
    const char *host;    // the hub's name; none: as the connection string or the service says
    const char *address; // where to connect if not to `host`
    uint16_t port;
    const char *device_id; // none: as the connection string says, else:
    const char *gateway_id;
    const char *key_file; // base64 key or connection string, mode 0600
    const char *certificate_file;
    const char *private_key_file; // mode 0600
    const char *ca_file;
    uint32_t expiry_alarm_days;
    struct {
        const char *host, *address;
        uint16_t port;
        const char *id_scope;
        const char *registration_id;
        const char *group_key_file;
        const char *payload;
    } dps;
};

struct north_stats {
    struct journal_stats journal;
    struct uplink_stats uplink;
    enum uplink_state state;
    bool is_failing;        // the journal's medium is full or failed
    uint64_t queue_dropped; // samples that found the queue full
    uint64_t bytes_today;   // written to flash since the last midnight of the monotonic clock
};

struct north;

// Reads the key file, opens the journal (after a torn end, too), starts the threads. On failure the
// reason has been logged.
NODISCARD enum err north_open(struct north **out, const struct north_config *cfg);
// Seals and syncs what is left, ends the threads.
void north_close(struct north *north);

// Only before the first turn: what an earlier run took last from that sensor. True if known and
// comparable; *at_us is then in this boot's monotonic time (0: before this boot).
bool north_find_relay(const struct north *north, uint32_t key, uint32_t *sequence, uint64_t *at_us);

// Only before the first turn: what an earlier run knew of a point's limits. *side: what was last
// told, -1 below, +1 above, 0 in the band; *beyond: where the value was without its being told yet,
// since beyond_from_us of this boot's monotonic time (0: before this boot).
void north_find_limit(const struct north *north, uint32_t point, int *side, int *beyond,
                      uint64_t *beyond_from_us);

// The catalogue is borrowed until north_close, or until two more turns after the next one is set.
void north_set_catalogue(struct north *north, const struct tm_catalogue *catalogue);
void north_add(struct north *north, uint64_t now_us, const struct tm_sample *sample);
void north_set_relay(struct north *north, uint64_t now_us, uint32_t key, uint32_t sequence,
                     uint64_t at_us);
// The value is beyond a limit (beyond -1 or +1) for not long enough to be told, or no longer (0).
// What was told is kept with the alert itself.
void north_set_beyond(struct north *north, uint64_t now_us, uint32_t point, int beyond,
                      uint64_t beyond_from_us);
// A limit was crossed or a quality changed: the samples so far leave at once.
void north_hurry(struct north *north, uint64_t now_us);
void north_set_watched(struct north *north, uint64_t now_us, bool is_watched);
// Times in the event are monotonic milliseconds.
void north_add_event(struct north *north, uint64_t now_us, const struct tm_event *event);

// Before the first turn: who takes the hub's messages of a kind and may send to it. Called back in
// north_turn and when the loop has messages. Without a hub nothing is ever called back.
void north_plug(struct north *north, enum inbox_user user, const struct inbox_ops *ops, void *ctx);

// Our device id at the hub; "": there is none.
const char *north_device(const struct north *north);

// Moves what is due; returns the next deadline. Called in every turn of the loop.
uint64_t north_turn(struct north *north, uint64_t now_us);
void north_get_stats(const struct north *north, struct north_stats *out);

#endif
