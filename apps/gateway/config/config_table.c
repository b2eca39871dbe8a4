// SPDX-License-Identifier: Apache-2.0
// Every key of the gateway's configuration.
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/fields_table.h"
#include "telemetry/telemetry_limits.h"

static const char *const SILENCE_WORDS[] = {"standard", "characters", NULL};
static const char *const DIRECTION_WORDS[] = {"none", "kernel", NULL};

static const struct field LIMIT_FIELDS[] = {
    {"point", FIELD_NAME, FIELD_REQUIRED | FIELD_KEY, AT(config_limit, point),
     .help = "the point's name in the profile; of a bus: its figure's"},
    {"low", FIELD_REAL, 0, AT(config_limit, low), .min = -1e15, .max = 1e15, .fallback = NO_NUMBER,
     .help = "alert below; left out: no lower limit"},
    {"high", FIELD_REAL, 0, AT(config_limit, high), .min = -1e15, .max = 1e15,
     .fallback = NO_NUMBER, .help = "alert above; left out: no upper limit"},
    {"hysteresis", FIELD_REAL, 0, AT(config_limit, hysteresis), .max = 1e15,
     .help = "the alert ends once the value is back inside by so much"},
    {"alert_after_s", FIELD_UINT, 0, AT(config_limit, alert_after_s), .max = 86400,
     .help = "alert once the value has been beyond for so long; 0: at once"},
};
static const struct object_kind LIMIT_KIND = {KIND(config_limit, "limit", LIMIT_FIELDS)};

static const struct field SENSOR_FIELDS[] = {
    {"slot", FIELD_UINT, FIELD_REQUIRED, AT(config_sensor, slot), .max = 65535,
     .help = "the receiver's slot, from 0"},
    {"name", FIELD_NAME, FIELD_REQUIRED | FIELD_KEY, AT(config_sensor, name),
     .help = "the sensor's name, once per device"},
    {"area", FIELD_TEXT, 0, AT(config_sensor, area), .max = 64,
     .help = "where it hangs, such as \"Vegetables\"; default: the device's area"},
    {"limits", FIELD_LIST, 0, LIST_AT(config_sensor, limits, limit_count), .max = 64,
     .kind = &LIMIT_KIND, .help = "in place of the profile's and the device's limits"},
};
static const struct object_kind SENSOR_KIND = {KIND(config_sensor, "sensor", SENSOR_FIELDS)};

static const struct field DEVICE_FIELDS[] = {
    {"name", FIELD_NAME, FIELD_REQUIRED | FIELD_KEY, AT(config_device, name),
     .help = "the device's name, once per gateway; its points are named by it for ever"},
    {"unit", FIELD_UINT, FIELD_REQUIRED, AT(config_device, unit), .min = 1, .max = 247,
     .help = "station number"},
    {"profile", FIELD_NAME, FIELD_REQUIRED, AT(config_device, profile_name),
     .help = "what it is: the name of a file in profiles/, without .json"},
    {"area", FIELD_TEXT, 0, AT(config_device, area), .max = 64,
     .help = "where it is, such as \"Cold room\""},
    {"reply_timeout_ms", FIELD_UINT, 0, AT(config_device, reply_timeout_ms), .max = 60000,
     .help = "longest wait for this unit's reply; 0: the bus's reply_timeout_ms"},
    {"retries", FIELD_UINT, 0, AT(config_device, retries), .max = CONFIG_RETRIES_BUS,
     .fallback = CONFIG_RETRIES_BUS, .help = "tries after the first, 0 to 10; 255: the bus's"},
    {"limits", FIELD_LIST, 0, LIST_AT(config_device, limits, limit_count), .max = 256,
     .kind = &LIMIT_KIND, .help = "in place of the profile's limits, here and for its sensors"},
    {"sensors", FIELD_LIST, 0, LIST_AT(config_device, sensors, sensor_count), .max = 1000,
     .kind = &SENSOR_KIND, .help = "the sensors that this receiver relays"},
};
static const struct object_kind DEVICE_KIND = {KIND(config_device, "device", DEVICE_FIELDS)};

static const struct field BUS_FIELDS[] = {
    {"name", FIELD_NAME, FIELD_REQUIRED | FIELD_KEY, AT(config_bus, name),
     .help = "the bus's name, once per gateway"},
    {"port", FIELD_TEXT, FIELD_REQUIRED | FIELD_LOCAL, AT(config_bus, port), .min = 1, .max = 512,
     .help =
         "tty:/dev/..., rt:/path (the socket of a real-time core), tcp:host:port (Modbus TCP) or "
         "rtu+tcp:host:port"},
    {"baud", FIELD_UINT, 0, AT(config_bus, baud), .min = 300, .max = 4000000, .fallback = 19200,
     .help = "bits per second of a line; a real-time core has 1200 to 921600"},
    {"format", FIELD_TEXT, 0, AT(config_bus, format), .min = 3, .max = 3, .text_fallback = "8E1",
     .help = "data bits, parity, stop bits: 8N1, 8E1, 8O1 or 8N2"},
    {"silence", FIELD_WORD, 0, AT(config_bus, silence), .words = SILENCE_WORDS,
     .help = "t3.5 above 19200 baud: 1.75 ms (standard) or 3.5 characters"},
    {"silence_us", FIELD_UINT, 0, AT(config_bus, silence_us), .max = 1000000,
     .help = "the silence between frames in microseconds; 0: as `silence` says"},
    {"direction", FIELD_WORD, 0, AT(config_bus, direction), .words = DIRECTION_WORDS,
     .help = "kernel: the driver switches the transceiver (TIOCSRS485); none: it switches itself"},
    {"echo", FIELD_BOOL, 0, AT(config_bus, has_echo),
     .help = "the receiver hears what we send: it is checked and removed"},
    {"guard_bits", FIELD_REAL, 0, AT(config_bus, guard_bits), .max = 31.875,
     .fallback = CONFIG_GUARD_BITS,
     .help = "rt: the driver is held this many bits after the last stop bit, in steps of 0.125"},
    {"lead_bits", FIELD_REAL, 0, AT(config_bus, lead_bits), .max = 31.875,
     .help = "rt: the driver is on this many bits before the first start bit, in steps of 0.125"},
    {"de_active_low", FIELD_BOOL, 0, AT(config_bus, is_low),
     .help = "rt: the pin that switches the driver on is active low"},
    {"reply_timeout_ms", FIELD_UINT, 0, AT(config_bus, reply_timeout_ms), .min = 10, .max = 60000,
     .fallback = 1000,
     .help = "longest wait for the first byte of a reply; a known unit gets less, by its habit"},
    {"reply_timeout_min_ms", FIELD_UINT, 0, AT(config_bus, reply_timeout_min_ms), .min = 5,
     .max = 60000, .fallback = 50, .help = "never wait less than this"},
    {"turnaround_ms", FIELD_UINT, 0, AT(config_bus, turnaround_ms), .min = 1, .max = 10000,
     .fallback = 100, .help = "pause after a broadcast"},
    {"retries", FIELD_UINT, 0, AT(config_bus, retries), .max = 10, .fallback = 2,
     .help = "tries after the first"},
    {"suspend_after", FIELD_UINT, 0, AT(config_bus, suspend_after), .min = 1, .max = 100,
     .fallback = 3, .help = "unanswered tries in a row after which a unit is suspended"},
    {"probe_min_ms", FIELD_UINT, 0, AT(config_bus, probe_min_ms), .min = 100, .max = 3600000,
     .fallback = 500, .help = "first pause of a suspended unit; it doubles"},
    {"probe_max_ms", FIELD_UINT, 0, AT(config_bus, probe_max_ms), .min = 100, .max = 3600000,
     .fallback = 30000, .help = "longest pause of a suspended unit"},
    {"dead_share_percent", FIELD_UINT, 0, AT(config_bus, dead_share_percent), .min = 1, .max = 50,
     .fallback = 5, .help = "bus time for all units that do not answer, together"},
    {"foreign_share_percent", FIELD_UINT, 0, AT(config_bus, foreign_share_percent), .min = 1,
     .max = 50, .fallback = 10,
     .help = "bus time at most that polls wait for remote reads, writes and scans, together"},
    {"diagnostics_s", FIELD_UINT, 0, AT(config_bus, diagnostics_s), .max = 86400, .fallback = 300,
     .help = "the bus's own figures are sampled every so many seconds; 0: never"},
    {"limits", FIELD_LIST, 0, LIST_AT(config_bus, limits, limit_count), .max = 64,
     .kind = &LIMIT_KIND, .help = "limits of its diagnostics, such as utilisation or timeouts"},
    {"devices", FIELD_LIST, 0, LIST_AT(config_bus, devices, device_count), .min = 1,
     .max = CONFIG_DEVICES_MAX, .kind = &DEVICE_KIND, .help = "what is connected"},
};
static const struct object_kind BUS_KIND = {KIND(config_bus, "bus", BUS_FIELDS)};

static const struct field GATEWAY_FIELDS[] = {
    {"name", FIELD_NAME, 0, AT(config_gateway, name), .text_fallback = "gateway",
     .help = "for people: the site's name in the cloud"},
    {"time_zone", FIELD_TEXT, 0, AT(config_gateway, time_zone), .max = TM_ZONE_SIZE_MAX,
     .help = "the site's time zone as IANA names it, such as Europe/Berlin; \"\": unknown"},
    {"id", FIELD_NAME, FIELD_REQUIRED | FIELD_LOCAL, AT(config_gateway, id),
     .help = "identity towards the hub"},
    {"data_dir", FIELD_TEXT, FIELD_REQUIRED | FIELD_LOCAL, AT(config_gateway, data_dir), .min = 1,
     .help = "folder of the journal and the point ids; ours alone"},
    {"identify_led", FIELD_TEXT, FIELD_LOCAL, AT(config_gateway, identify_led), .max = 255,
     .help = "what `identify` blinks: a name in /sys/class/leds, or the path of such a folder"},
};
static const struct object_kind GATEWAY_KIND = {KIND(config_gateway, "gateway", GATEWAY_FIELDS)};

static const struct field CONFIG_FIELDS[] = {
    {"version", FIELD_UINT, FIELD_LOCAL, AT(config, version), .min = 1, .max = 1, .fallback = 1,
     .help = "of this file's format"},
    {"gateway", FIELD_OBJECT, FIELD_REQUIRED, AT(config, gateway), .kind = &GATEWAY_KIND,
     .help = "the gateway itself"},
    {"hub", FIELD_OBJECT, FIELD_LOCAL, AT(config, hub), .kind = &HUB_KIND,
     .help = "where telemetry goes; without it samples stay in the journal"},
    {"telemetry", FIELD_OBJECT, 0, AT(config, telemetry), .fallback = 1, .kind = &TELEMETRY_KIND,
     .help = "when messages leave"},
    {"journal", FIELD_OBJECT, 0, AT(config, journal), .fallback = 1, .kind = &JOURNAL_KIND,
     .help = "the durable queue"},
    {"remote", FIELD_OBJECT, FIELD_LOCAL, AT(config, remote), .fallback = 1, .kind = &REMOTE_KIND,
     .help = "what the cloud may change here, and how it is tried"},
    {"methods", FIELD_OBJECT, FIELD_LOCAL, AT(config, methods), .fallback = 1,
     .kind = &METHODS_KIND, .help = "what may be done from afar"},
    {"buses", FIELD_LIST, FIELD_REQUIRED, LIST_AT(config, buses, bus_count), .min = 1,
     .max = CONFIG_BUSES_MAX, .kind = &BUS_KIND, .help = "lines and TCP endpoints"},
};

const struct object_kind CONFIG_KIND = {
    KIND(config, "configuration", CONFIG_FIELDS),
    .help = "Configuration of a Busward gateway (JSON; // and /* */ comments are allowed).",
    .schema = "Busward gateway configuration, version 1",
};
