// SPDX-License-Identifier: Apache-2.0
// bench-libmodbus-client PORT BAUD PARITY SECONDS: the same polling as bench-bus-client, by
// libmodbus.
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "port/api/clock.h"

#define UNITS     10
#define REGISTERS 40

static double cpu_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s PORT BAUD PARITY SECONDS\n", argv[0]);
        return 2;
    }
    modbus_t *bus = modbus_new_rtu(argv[1], (int)strtol(argv[2], NULL, 10), argv[3][0], 8, 1);
    if (bus == NULL || modbus_connect(bus) != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], modbus_strerror(errno));
        return 1;
    }
    unsigned long good = 0;
    unsigned long bad = 0;
    double before_us = cpu_us();
    uint64_t end_us = port_now_us() + (uint64_t)strtol(argv[4], NULL, 10) * US_PER_S;
    for (int unit = 0; port_now_us() < end_us; unit = (unit + 1) % UNITS) {
        uint16_t registers[REGISTERS];
        modbus_set_slave(bus, unit + 1);
        if (modbus_read_registers(bus, 0, REGISTERS, registers) == REGISTERS) {
            good++;
        } else {
            bad++;
        }
    }
    modbus_close(bus);
    modbus_free(bus);
    printf("{\"good\":%lu,\"bad\":%lu,\"cpu_us\":%.1f}\n", good, bad,
           (cpu_us() - before_us) / (double)(good + bad == 0 ? 1 : good + bad));
    return good > 0 ? 0 : 1;
}
