// SPDX-License-Identifier: Apache-2.0
// A value change dump for GTKWave, in picoseconds. Levels are functions of the state and the time,
// so that it is enough to ask for them at every edge.
#include "sim/mt3620/model.h"

enum signal { TX, RX, DE, RE, LIGHT, EXCEPTION, SIGNALS };

struct signal_type {
    char id;
    uint8_t width;
    const char *name;
};

static const struct signal_type TYPES[SIGNALS] = {
    {'t', 1, "tx"},   {'r', 1, "rx"},    {'d', 1, "de"},
    {'e', 1, "re_n"}, {'l', 3, "light"}, {'x', 9, "exception"},
};

static void write_value(FILE *file, const struct signal_type *type, uint32_t value)
{
    if (type->width == 1) {
        fprintf(file, "%u%c\n", value, type->id);
        return;
    }
    fputc('b', file);
    for (unsigned i = type->width; i-- > 0;) {
        fputc((value >> i & 1U) != 0 ? '1' : '0', file);
    }
    fprintf(file, " %c\n", type->id);
}

static uint32_t value_of(const struct mt *mt, enum signal signal, uint64_t at_u)
{
    switch (signal) {
    case TX: return uart_tx_level(&mt->uarts[0], at_u);
    case RX: return uart_rx_level(mt, &mt->uarts[0], at_u);
    case DE: return mt->gpio.driver;
    case RE: return !mt->gpio.receiver;
    case LIGHT:
        return (uint32_t)gpio_level(mt, MT_PIN_RED) << 2 |
               (uint32_t)gpio_level(mt, MT_PIN_RED + 1) << 1 | gpio_level(mt, MT_PIN_RED + 2);
    case EXCEPTION: return mt->cpu.exception;
    case SIGNALS: break;
    }
    return 0;
}

bool trace_open(struct mt *mt, const char *path)
{
    struct trace *trace = &mt->trace;
    trace->file = fopen(path, "we");
    if (trace->file == NULL) {
        return false;
    }
    fprintf(trace->file, "$timescale 1 ps $end\n$scope module mt3620 $end\n");
    for (unsigned i = 0; i < SIGNALS; i++) {
        fprintf(trace->file, "$var wire %u %c %s $end\n", TYPES[i].width, TYPES[i].id,
                TYPES[i].name);
        trace->values[i] = UINT32_MAX;
    }
    fprintf(trace->file, "$upscope $end\n$enddefinitions $end\n");
    return true;
}

static void write_changes(struct mt *mt, uint64_t at_u)
{
    struct trace *trace = &mt->trace;
    bool stamped = false;
    for (unsigned i = 0; i < SIGNALS; i++) {
        uint32_t value = value_of(mt, (enum signal)i, at_u);
        if (value == trace->values[i]) {
            continue;
        }
        if (!stamped) {
            // A unit is 250000/247 ps.
            uint64_t ps = at_u / 247 * 250000 + at_u % 247 * 250000 / 247;
            fprintf(trace->file, "#%llu\n", (unsigned long long)ps);
            stamped = true;
        }
        write_value(trace->file, &TYPES[i], value);
        trace->values[i] = value;
    }
}

static uint64_t next_edge_u(const struct mt *mt, uint64_t from_u)
{
    const struct uart *uart = &mt->uarts[0];
    uint64_t next_u = wire_edge_u(&uart->wire, from_u);
    for (unsigned i = 0; uart->shift.active && i <= uart->shift.count; i++) {
        uint64_t edge_u = uart->shift.edge_u[i];
        if (edge_u > from_u && edge_u < next_u) {
            next_u = edge_u;
        }
    }
    return next_u;
}

void trace_flush(struct mt *mt, uint64_t until_u)
{
    struct trace *trace = &mt->trace;
    if (trace->file == NULL || until_u < trace->done_u) {
        return;
    }
    write_changes(mt, trace->done_u);
    for (uint64_t at_u = next_edge_u(mt, trace->done_u); at_u <= until_u;
         at_u = next_edge_u(mt, at_u)) {
        write_changes(mt, at_u);
    }
    trace->done_u = until_u;
}

void trace_close(struct mt *mt)
{
    if (mt->trace.file != NULL) {
        (void)fclose(mt->trace.file);
        mt->trace.file = NULL;
    }
}
