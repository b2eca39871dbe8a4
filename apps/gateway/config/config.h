// SPDX-License-Identifier: Apache-2.0
// The gateway's configuration: one JSON file with comments plus the profiles that it names, checked
// as a whole. Everything that is wrong is reported, not only the first mistake.
//
// All keys stand in config_table.c; parser, help, --dump-config and schema are made from it.
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H
#include "apps/gateway/config/arena.h"
#include "apps/gateway/config/config_methods.h"
#include "apps/gateway/config/config_north.h"
#include "apps/gateway/config/profile.h"
#include "apps/gateway/config/report.h"
#include "base/err.h"

enum {
    CONFIG_FILE_SIZE_MAX = 4 * 1024 * 1024,
    CONFIG_BUSES_MAX = 16,
    CONFIG_DEVICES_MAX = 247,
    CONFIG_POINTS_MAX = 10000, // devices per bus, points in all
    CONFIG_PROFILES_MAX = 64,
    CONFIG_RETRIES_BUS = 255, // of a device: as its bus
};

enum bus_kind { BUS_TTY, BUS_RT, BUS_TCP, BUS_RTU_TCP };
enum bus_silence { SILENCE_STANDARD, SILENCE_CHARACTERS }; // 1.75 ms above 19200, or 3.5 characters
enum bus_direction { DIRECTION_NONE, DIRECTION_KERNEL };   // kernel: TIOCSRS485

struct config_gateway {
    const struct doc_node *node;
    const char *name;
    const char *time_zone; // "": unknown
    const char *id;
    const char *data_dir;
    const char *identify_led; // "": none
};

// Takes the place of a profile's limits here: a freezer and a till are of one profile.
struct config_limit {
    const struct doc_node *node;
    const char *point; // the point's name in the profile
    double low, high;  // NAN: none
    double hysteresis;
    uint32_t alert_after_s;
};

struct config_sensor {
    const struct doc_node *node;
    const char *name;
    const char *area;
    uint32_t slot;
    struct config_limit *limits;
    size_t limit_count;
};

struct config_device {
    const struct doc_node *node;
    const char *name;
    const char *area;
    const char *profile_name;
    const struct profile *profile;
    uint32_t unit;
    struct config_limit *limits; // of its own points, and of its sensors that say nothing else
    size_t limit_count;
    uint32_t reply_timeout_ms; // 0: the bus's
    uint32_t retries;          // CONFIG_RETRIES_BUS: the bus's
    struct config_sensor *sensors;
    size_t sensor_count;
};

struct config_bus {
    const struct doc_node *node;
    const char *name;
    const char *port;   // as written
    uint32_t port_kind; // enum bus_kind
    const char *path;   // of a tty, or of a core's socket
    const char *host;   // of TCP
    uint32_t tcp_port;  // of TCP
    uint32_t baud;
    const char *format;           // "8E1" and the like
    uint32_t char_bits;           // of that format
    uint32_t silence;             // enum bus_silence
    uint32_t silence_us;          // 0: by `silence`
    uint32_t direction;           // enum bus_direction
    bool has_echo, is_sniffed;    // the latter of no key: it only listens
    double guard_bits, lead_bits; // rt: driver on after and before a frame, in steps of 1/8
    bool is_low;                  // rt: the pin that drives is active low
    uint32_t reply_timeout_ms;    // the longest wait for a reply's first byte
    uint32_t reply_timeout_min_ms;
    uint32_t turnaround_ms; // after a broadcast
    uint32_t retries;
    uint32_t suspend_after; // requests in a row without any answer
    uint32_t probe_min_ms, probe_max_ms;
    uint32_t dead_share_percent;    // of the bus's time, for all units without an answer together
    uint32_t foreign_share_percent; // of the bus's time, for requests from outside the schedule
    uint32_t diagnostics_s;         // from one sample of its diagnostics to the next; 0: none
    struct config_limit *limits;    // of its diagnostics
    size_t limit_count;
    struct config_device *devices;
    size_t device_count;
};

struct config {
    const struct doc_node *node;
    uint32_t version; // of the format
    struct config_gateway gateway;
    struct config_hub hub;
    struct config_telemetry telemetry;
    struct config_journal journal;
    struct config_remote remote;
    struct config_methods methods;
    struct config_bus *buses;
    size_t bus_count;
    const struct profile *profiles[CONFIG_PROFILES_MAX];
    size_t profile_count;
    size_t point_count; // of all devices and sensors
    uint64_t hash;      // of the file, what lies over it and the profiles
};

// Puts a whole file into the arena; ERR_UNSUPPORTED: a folder or device; ERR_SIZE: too large.
struct config_files {
    enum err (*read)(void *ctx, struct arena *arena, const char *path, struct bytes *out);
    void *ctx;
};

// What the cloud lays over the local file: the twin's desired property "config". docs/twin.md.
struct config_overlay {
    struct bytes text;
    const char *cache_dir; // its references lie there, named by their hash
};

struct config_source {
    const char *path;         // of the configuration
    const char *profiles_dir; // NULL: only profiles/ beside the configuration
    struct config_files files;
    const struct config_overlay *overlay; // NULL: the file alone
    bool is_strict; // refuse what a start only warns of, as earlier versions took it
};

// Loads, checks and resolves. OK if there is no error (there may be warnings); ERR_CORRUPT if the
// report names errors; ERR_FULL if the arena is too small. *out lives in the arena.
NODISCARD enum err config_load(const struct config_source *source, struct arena *arena,
                               struct config_report *report, struct config *out);
NODISCARD enum err config_load_profile(const struct config_source *source, struct arena *arena,
                                       struct config_report *report, struct profile *out);

#endif
