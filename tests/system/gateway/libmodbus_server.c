// SPDX-License-Identifier: Apache-2.0
// A Modbus RTU server by libmodbus: libmodbus_server PORT REGISTERS, where REGISTERS is a file with
// one number per line for holding and input registers; coils and discrete inputs are 1 where the
// address is odd.
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 100, UNIT = 1 };

static int fill(modbus_mapping_t *map, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    char line[32];
    for (int i = 0; i < COUNT && fgets(line, sizeof(line), file) != NULL; i++) {
        map->tab_registers[i] = (uint16_t)strtoul(line, NULL, 10);
        map->tab_input_registers[i] = map->tab_registers[i];
        map->tab_bits[i] = (uint8_t)(i & 1);
        map->tab_input_bits[i] = (uint8_t)(i & 1);
    }
    return fclose(file);
}

int main(int argc, char **argv)
{
    modbus_t *modbus = argc == 3 ? modbus_new_rtu(argv[1], 19200, 'N', 8, 1) : NULL;
    modbus_mapping_t *map = modbus_mapping_new(COUNT, COUNT, COUNT, COUNT);
    if (modbus == NULL || map == NULL || fill(map, argv[2]) != 0 ||
        modbus_set_slave(modbus, UNIT) != 0 || modbus_connect(modbus) != 0) {
        fprintf(stderr, "libmodbus_server PORT REGISTERS\n");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint8_t request[MODBUS_RTU_MAX_ADU_LENGTH];
        int size = modbus_receive(modbus, request);
        if (size > 0) {
            modbus_reply(modbus, request, size, map);
        }
    }
}
