// SPDX-License-Identifier: Apache-2.0
#include "apps/sensor/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct words {
    const char *port, *format, *serial, *start_of_day;
    struct option_list silences;
    uint64_t unit, baud, reply_delay_us, sensors, seed, report_s, speed;
    bool calm;
};

#define AT(field) offsetof(struct words, field)

static const struct option options[] = {
    {"port", OPTION_TEXT, AT(port), 1, 0, NULL,
     "tty:PATH, pty:LINK (makes a PTY), tcp:HOST:PORT or rtu+tcp:HOST:PORT (port 0: any free one)"},
    {"unit", OPTION_UINT, AT(unit), 1, 247, "1", "unit address of the receiver"},
    {"baud", OPTION_UINT, AT(baud), 300, 4000000, "19200", "speed of a serial line"},
    {"format", OPTION_TEXT, AT(format), 0, 0, "8E1", "8N1, 8E1, 8O1 or 8N2"},
    {"reply-delay-us", OPTION_UINT, AT(reply_delay_us), 0, 10000000, "0",
     "from the request's end to the reply; at least 3.5 characters"},
    {"sensors", OPTION_UINT, AT(sensors), 1, STORE_SENSORS_MAX, "24", "battery sensors it hears"},
    {"seed", OPTION_UINT, AT(seed), 0, 0, "1", "the same seed lives the same life"},
    {"report-s", OPTION_UINT, AT(report_s), 1, 3600, "60", "seconds between a sensor's reports"},
    {"speed", OPTION_UINT, AT(speed), 1, 86400, "1", "time lapse: seconds of life in a second"},
    {"start-of-day", OPTION_TEXT, AT(start_of_day), 0, 0, "10:00", "time in the store at start"},
    {"silent", OPTION_LIST, AT(silences), 0, 0, NULL,
     "SLOT@SECONDS or SLOT@SECONDS+SECONDS: falls silent then (for so long), in store time"},
    {"calm", OPTION_FLAG, AT(calm), 0, 0, NULL, "no silence or fault but those asked for"},
    {"serial", OPTION_TEXT, AT(serial), 0, 0, "BW-RX-000001", "serial of the receiver"},
};

static const struct option_table table = {
    .program = "busward-sensor",
    .purpose =
        "The reference receiver: a Modbus server with battery sensors that live like a store.",
    .options = options,
    .count = COUNT_OF(options),
};

static bool complain(const char *option, const char *value, const char *right)
{
    fprintf(stderr, "busward-sensor: --%s: \"%s\" is not %s\n", option, value, right);
    return false;
}

static bool parse_tcp(const char *text, struct settings *out)
{
    const char *colon = strrchr(text, ':');
    size_t host_size = colon != NULL ? (size_t)(colon - text) : 0;
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (host_size == 0 || host_size >= sizeof(out->host) || end == colon + 1 || *end != '\0' ||
        port > UINT16_MAX) {
        return false;
    }
    memcpy(out->host, text, host_size);
    out->tcp_port = (uint16_t)port;
    return true;
}

static bool parse_port(const char *text, struct settings *out)
{
    static const char *const prefixes[] = {"tty:", "pty:", "tcp:", "rtu+tcp:"};
    for (size_t kind = 0; kind < COUNT_OF(prefixes); kind++) {
        size_t size = strlen(prefixes[kind]);
        if (strncmp(text, prefixes[kind], size) != 0 || text[size] == '\0') {
            continue;
        }
        out->kind = (enum port_kind)kind;
        out->serial.is_pty = out->kind == PORT_PTY;
        out->serial.serial.path = text + size;
        if (out->kind == PORT_TTY || out->kind == PORT_PTY || parse_tcp(text + size, out)) {
            return true;
        }
    }
    return complain("port", text, "tty:PATH, pty:LINK, tcp:HOST:PORT or rtu+tcp:HOST:PORT");
}

// A number at *text, which then stands behind it and the character `after`.
static bool parse_number(const char **text, char after, unsigned long max, unsigned long *out)
{
    char *end = NULL;
    unsigned long value = strtoul(*text, &end, 10);
    if (end == *text || **text == '-' || value > max || *end != after) {
        return false;
    }
    *out = value;
    *text = after != '\0' ? end + 1 : end;
    return true;
}

static bool parse_silence(const char *text, uint16_t sensors, struct store_silence *out)
{
    const char *at = text;
    unsigned long slot = 0, from_s = 0, for_s = 0;
    bool good = parse_number(&at, '@', sensors - 1u, &slot) &&
                (parse_number(&at, '\0', UINT32_MAX, &from_s) ||
                 (parse_number(&at, '+', UINT32_MAX, &from_s) &&
                  parse_number(&at, '\0', UINT32_MAX, &for_s)));
    if (!good) {
        char right[96];
        snprintf(right, sizeof(right),
                 "SLOT@SECONDS or SLOT@SECONDS+SECONDS with a slot of 0 to %u", sensors - 1u);
        return complain("silent", text, right);
    }
    *out = (struct store_silence){(uint16_t)slot, (uint32_t)from_s, (uint32_t)for_s};
    return true;
}

static bool parse_silences(const struct option_list *list, struct store_config *store)
{
    if (list->count > STORE_SILENCES_MAX) {
        fprintf(stderr, "busward-sensor: --silent: %zu of them, at most %d\n", list->count,
                STORE_SILENCES_MAX);
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < list->count; i++) {
        good = parse_silence(list->item[i], store->sensor_count, &store->silences[i]) && good;
    }
    store->silence_count = (uint16_t)list->count;
    return good;
}

static bool parse_time_of_day(const char *text, uint32_t *out_s)
{
    const char *at = text;
    unsigned long hours, minutes;
    if (!parse_number(&at, ':', 23, &hours) || !parse_number(&at, '\0', 59, &minutes)) {
        return complain("start-of-day", text, "a time such as 10:00");
    }
    *out_s = (uint32_t)(hours * 3600 + minutes * 60);
    return true;
}

enum option_result settings_parse(int argc, char **argv, struct settings *out)
{
    struct words words = {0};
    enum option_result result = options_parse(&table, argc, argv, &words);
    if (result != OPTIONS_RUN) {
        return result;
    }
    memset(out, 0, sizeof(*out));
    struct store_config *store = &out->device.store;
    *store = (struct store_config){
        .sensor_count = (uint16_t)words.sensors,
        .seed = words.seed,
        .report_s = (uint32_t)words.report_s,
        .speed = (uint32_t)words.speed,
        .calm = words.calm,
    };
    out->serial.serial.baud = (uint32_t)words.baud;
    out->serial.reply_delay_us = (uint32_t)words.reply_delay_us;
    bool good = parse_port(words.port, out);
    good = parse_silences(&words.silences, store) && good;
    good = parse_time_of_day(words.start_of_day, &store->start_of_day_s) && good;
    if (serial_format(words.format, &out->serial.serial) != OK) {
        good = complain("format", words.format, "8N1, 8E1, 8O1 or 8N2");
    }
    if (strlen(words.serial) > MAP_SERIAL_CHARS) {
        good = complain("serial", words.serial, "at most 16 characters long");
    }
    out->device.unit = (uint8_t)words.unit;
    out->device.serial = words.serial;
    out->device.is_serial = out->kind != PORT_TCP;
    return good ? OPTIONS_RUN : OPTIONS_WRONG;
}
