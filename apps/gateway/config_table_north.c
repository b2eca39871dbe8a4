// SPDX-License-Identifier: Apache-2.0
// The keys of the configuration's part after the samples.
#include "apps/gateway/config_check.h"
#include "apps/gateway/fields_table.h"

static const struct field HUB_FIELDS[] = {
    {"host", FIELD_TEXT, FIELD_REQUIRED, AT(config_hub, host), .min = 1, .max = 247,
     .help = "the hub's name; its certificate must carry it"},
    {"port", FIELD_UINT, 0, AT(config_hub, port), .min = 1, .max = 65535, .fallback = 8883,
     .help = "MQTT over TLS"},
    {"address", FIELD_TEXT, 0, AT(config_hub, address), .max = 255,
     .help = "where to connect if not to `host`"},
    {"device_id", FIELD_TEXT, 0, AT(config_hub, device_id), .max = 128,
     .help = "identity at the hub; default: the gateway's id"},
    {"key_file", FIELD_TEXT, FIELD_REQUIRED, AT(config_hub, key_file), .min = 1,
     .help = "file (mode 0600) with the device's base64 key or connection string"},
    {"ca_file", FIELD_TEXT, 0, AT(config_hub, ca_file),
     .text_fallback = "/etc/ssl/certs/ca-certificates.crt",
     .help = "PEM file of the authorities that may vouch for the hub"},
};
const struct object_kind HUB_KIND = {KIND(config_hub, "hub", HUB_FIELDS)};

static const struct field TELEMETRY_FIELDS[] = {
    {"max_age_ms", FIELD_UINT, 0, AT(config_telemetry, max_age_ms), .min = 10, .max = 86400000,
     .fallback = 300000, .help = "a message leaves when its oldest sample waited this long"},
    {"watch_age_ms", FIELD_UINT, 0, AT(config_telemetry, watch_age_ms), .min = 10, .max = 60000,
     .fallback = 100, .help = "the same while somebody watches, which the nudge `watch` tells"},
    {"sync_ms", FIELD_UINT, 0, AT(config_telemetry, sync_ms), .min = 10, .max = 600000,
     .fallback = 10000, .help = "a sample is safe on disk after this long at the latest"},
};
const struct object_kind TELEMETRY_KIND = {
    KIND(config_telemetry, "telemetry section", TELEMETRY_FIELDS)};

static const struct field JOURNAL_FIELDS[] = {
    {"bytes_max", FIELD_UINT, 0, AT(config_journal, bytes_max), .min = 262144, .max = UINT32_MAX,
     .fallback = 67108864, .help = "disk space for samples that are not delivered yet"},
    {"segment_size", FIELD_UINT, 0, AT(config_journal, segment_size), .min = 65536, .max = 16777216,
     .fallback = 262144, .help = "size of one of its files"},
};
const struct object_kind JOURNAL_KIND = {KIND(config_journal, "journal section", JOURNAL_FIELDS)};

static const struct field MARK_FIELDS[] = {
    {"path", FIELD_TEXT, FIELD_REQUIRED, AT(config_mark, path), .min = 1, .max = 512,
     .help = "a key and all beneath it, such as telemetry, buses[line 1].baud or "
             "buses[line 1].devices[till]"},
};
static const struct object_kind MARK_KIND = {KIND(config_mark, "mark", MARK_FIELDS)};

static const struct field REMOTE_FIELDS[] = {
    {"enabled", FIELD_BOOL, 0, AT(config_remote, is_enabled), .fallback = 1,
     .help = "the twin's desired property config lies over this file; false: this file alone"},
    {"trial_s", FIELD_UINT, 0, AT(config_remote, trial_s), .min = 5, .max = 86400, .fallback = 300,
     .help = "a new configuration is kept after so long, or given up after a quarter more"},
    {"lost_percent", FIELD_UINT, 0, AT(config_remote, lost_percent), .max = 100,
     .help = "of the devices that answered before, so many may be silent with it"},
    {"ca_file", FIELD_TEXT, 0, AT(config_remote, ca_file),
     .text_fallback = "/etc/ssl/certs/ca-certificates.crt",
     .help = "PEM file of the authorities that may vouch for servers of references"},
    {"local", FIELD_LIST, 0, LIST_AT(config_remote, marks, mark_count), .max = 256,
     .kind = &MARK_KIND, .help = "keys that stay as this file has them"},
};
const struct object_kind REMOTE_KIND = {KIND(config_remote, "remote section", REMOTE_FIELDS)};
