// SPDX-License-Identifier: Apache-2.0
#include "modbus/codes.h"

const char *mb_fc_name(uint8_t fc)
{
    static const char *const names[] = {
        [MB_READ_COILS] = "read coils",
        [MB_READ_DISCRETE] = "read discrete inputs",
        [MB_READ_HOLDING] = "read holding registers",
        [MB_READ_INPUT] = "read input registers",
        [MB_WRITE_COIL] = "write single coil",
        [MB_WRITE_REG] = "write single register",
        [MB_READ_EXCEPTION_STATUS] = "read exception status",
        [MB_DIAGNOSTICS] = "diagnostics",
        [MB_EVENT_COUNTER] = "get comm event counter",
        [MB_EVENT_LOG] = "get comm event log",
        [MB_WRITE_COILS] = "write multiple coils",
        [MB_WRITE_REGS] = "write multiple registers",
        [MB_SERVER_ID] = "report server id",
        [MB_READ_FILE] = "read file record",
        [MB_WRITE_FILE] = "write file record",
        [MB_MASK_WRITE] = "mask write register",
        [MB_READ_WRITE] = "read/write multiple registers",
        [MB_READ_FIFO] = "read fifo queue",
        [MB_ENCAPSULATED] = "read device identification",
    };
    const char *name = fc < sizeof(names) / sizeof(names[0]) ? names[fc] : 0;
    return name != 0 ? name : "unknown function";
}

const char *mb_exception_name(uint8_t exception)
{
    static const char *const names[] = {
        [MB_EX_NONE] = "none",
        [MB_EX_FUNCTION] = "illegal function",
        [MB_EX_ADDRESS] = "illegal data address",
        [MB_EX_VALUE] = "illegal data value",
        [MB_EX_FAILURE] = "server device failure",
        [MB_EX_ACKNOWLEDGE] = "acknowledge",
        [MB_EX_BUSY] = "server device busy",
        [MB_EX_PARITY] = "memory parity error",
        [MB_EX_PATH] = "gateway path unavailable",
        [MB_EX_TARGET] = "gateway target failed to respond",
    };
    const char *name = exception < sizeof(names) / sizeof(names[0]) ? names[exception] : 0;
    return name != 0 ? name : "unknown exception";
}
