// SPDX-License-Identifier: Apache-2.0
// The keys of the configuration's part after the samples.
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/fields_table.h"

static const struct field PROVISIONING_FIELDS[] = {
    {"id_scope", FIELD_TEXT, FIELD_REQUIRED, AT(config_provisioning, id_scope), .min = 1,
     .max = 127, .help = "which provisioning service: its ID scope"},
    {"registration_id", FIELD_TEXT, 0, AT(config_provisioning, registration_id), .max = 128,
     .help = "who registers; default: the gateway's id; with a certificate its common name"},
    {"group_key_file", FIELD_TEXT, 0, AT(config_provisioning, group_key_file),
     .help = "file (mode 0600) with an enrolment group's base64 key, of which ours is derived; a "
             "key derived elsewhere goes into hub.key_file, so that no box knows the group's"},
    {"payload", FIELD_TEXT, 0, AT(config_provisioning, payload), .max = 1024,
     .help = "JSON for the service's allocation, such as {\"site\": 7}"},
    {"dps_host", FIELD_TEXT, 0, AT(config_provisioning, dps_host), .max = 247,
     .text_fallback = "global.azure-devices-provisioning.net",
     .help = "the service's name; its certificate must carry it"},
    {"dps_port", FIELD_UINT, 0, AT(config_provisioning, dps_port), .min = 1, .max = 65535,
     .fallback = 8883, .help = "MQTT over TLS"},
    {"dps_address", FIELD_TEXT, 0, AT(config_provisioning, dps_address), .max = 255,
     .help = "where to connect if not to `dps_host`"},
};
static const struct object_kind PROVISIONING_KIND = {
    KIND(config_provisioning, "provisioning section", PROVISIONING_FIELDS)};

static const struct field HUB_FIELDS[] = {
    {"host", FIELD_TEXT, 0, AT(config_hub, host), .max = 247,
     .help = "the hub's name; its certificate must carry it; not with provisioning, and not needed "
             "with a connection string"},
    {"port", FIELD_UINT, 0, AT(config_hub, port), .min = 1, .max = 65535, .fallback = 8883,
     .help = "MQTT over TLS"},
    {"address", FIELD_TEXT, 0, AT(config_hub, address), .max = 255,
     .help = "where to connect if not to `host`"},
    {"device_id", FIELD_TEXT, 0, AT(config_hub, device_id), .max = 128,
     .help = "identity at the hub; default: as the connection string says, else the gateway's id"},
    {"key_file", FIELD_TEXT, 0, AT(config_hub, key_file),
     .help = "file (mode 0600) with the device's base64 key or connection string; this and the "
             "next ones may be credential:NAME, from systemd's credentials"},
    {"certificate_file", FIELD_TEXT, 0, AT(config_hub, certificate_file),
     .help = "PEM file with the device's certificate and then its chain, instead of a key; the "
             "same name with .next is tried before this one is given up"},
    {"private_key_file", FIELD_TEXT, 0, AT(config_hub, private_key_file),
     .help = "PEM file (mode 0600) with the private key of the certificate"},
    {"ca_file", FIELD_TEXT, 0, AT(config_hub, ca_file),
     .text_fallback = "/etc/ssl/certs/ca-certificates.crt",
     .help = "authorities that may vouch for the hub and the provisioning service: a PEM file, or "
             "a folder as `openssl rehash` names it"},
    {"proxy", FIELD_TEXT, 0, AT(config_hub, proxy), .max = 300,
     .help = "http://host:port or socks5://host:port: the only way out"},
    {"proxy_login_file", FIELD_TEXT, 0, AT(config_hub, proxy_login_file),
     .help = "file (mode 0600) with user:password for the proxy"},
    {"will", FIELD_BOOL, 0, AT(config_hub, has_will),
     .help = "the hub adds an event when a connection ends without a farewell"},
    {"keep_alive_s", FIELD_UINT, 0, AT(config_hub, keep_alive_s), .min = 5, .max = 1177,
     .fallback = 60, .help = "a link that is silent for this long is tried; twice that: given up"},
    {"retry_max_s", FIELD_UINT, 0, AT(config_hub, retry_max_s), .min = 1, .max = 3600,
     .fallback = 35, .help = "longest pause between two attempts to reach the hub"},
    {"expiry_alarm_days", FIELD_UINT, 0, AT(config_hub, expiry_alarm_days), .max = 3650,
     .fallback = 30, .help = "so long before a certificate ends it is told every day"},
    {"provisioning", FIELD_OBJECT, 0, AT(config_hub, provisioning), .kind = &PROVISIONING_KIND,
     .help = "a Device Provisioning Service tells which hub"},
};
const struct object_kind HUB_KIND = {KIND(config_hub, "hub", HUB_FIELDS)};

static const struct field TELEMETRY_FIELDS[] = {
    {"max_age_ms", FIELD_UINT, 0, AT(config_telemetry, max_age_ms), .min = 10, .max = 86400000,
     .fallback = 300000, .help = "a message leaves when its oldest sample waited this long"},
    {"watch_age_ms", FIELD_UINT, 0, AT(config_telemetry, watch_age_ms), .min = 10, .max = 60000,
     .fallback = 100,
     .help = "the same while somebody watches, which the nudge `watch` tells; each message is "
             "synced, so it wears flash"},
    {"sync_ms", FIELD_UINT, 0, AT(config_telemetry, sync_ms), .min = 10, .max = 600000,
     .fallback = 10000,
     .help = "a sample is safe on disk after this long at the latest; sooner once 256 samples "
             "or 64 changed relays wait, or a message leaves"},
    {"age_max_h", FIELD_UINT, 0, AT(config_telemetry, age_max_h), .max = 87600,
     .help = "what waited this many hours is given up and counted; 0: only if space runs out"},
    {"backfill_messages_per_min", FIELD_UINT, 0, AT(config_telemetry, backfill_messages_per_min),
     .min = 1, .max = 60000, .fallback = 120,
     .help = "what waited follows at this rate at most; less if the hub is slow"},
    {"budget_per_day", FIELD_UINT, 0, AT(config_telemetry, budget_per_day), .max = 1000000000,
     .help = "metered blocks to spend in a UTC day at most; 0: as many as there are"},
    {"meter_block_size", FIELD_UINT, 0, AT(config_telemetry, meter_block_size), .min = 256,
     .max = 262144, .fallback = 4096,
     .help = "bytes that the hub counts as one block; 512 on Azure's free tier"},
};
const struct object_kind TELEMETRY_KIND = {
    KIND(config_telemetry, "telemetry section", TELEMETRY_FIELDS)};

static const char *const ORDER_WORDS[] = {"oldest_first", "newest_first", NULL};
static const struct field JOURNAL_FIELDS[] = {
    {"bytes_max", FIELD_UINT, 0, AT(config_journal, bytes_max), .min = 262144, .max = UINT32_MAX,
     .fallback = 67108864, .help = "disk space for samples that are not delivered yet"},
    {"segment_size", FIELD_UINT, 0, AT(config_journal, segment_size), .min = 65536, .max = 16777216,
     .fallback = 262144, .help = "size of one of its files"},
    {"order", FIELD_WORD, 0, AT(config_journal, order), .words = ORDER_WORDS,
     .help = "in which order what waited follows the live data"},
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
     .help = "authorities that may vouch for servers of references, as hub.ca_file"},
    {"local", FIELD_LIST, 0, LIST_AT(config_remote, marks, mark_count), .max = 256,
     .kind = &MARK_KIND, .help = "keys that stay as this file has them"},
};
const struct object_kind REMOTE_KIND = {KIND(config_remote, "remote section", REMOTE_FIELDS)};
