// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#define HEAD 24U // size word, component, reserved word

uint32_t ring_outbound, ring_inbound, ring_out_size, ring_in_size;

static volatile uint8_t *data_of(uint32_t ring)
{
    return (volatile uint8_t *)ring + 64;
}

void ring_open(void)
{
    uint32_t command = 0;
    while (command != 0xba5e0003) {
        while (MAILBOX(0x58) == 0) {
        }
        uint32_t data = MAILBOX(0x54);
        command = MAILBOX(0x50);
        uint32_t size = (1U << (data & 0x1f)) - 64;
        if (command == 0xba5e0001) {
            ring_outbound = data & ~0x1fU;
            ring_out_size = size;
        } else if (command == 0xba5e0002) {
            ring_inbound = data & ~0x1fU;
            ring_in_size = size;
        }
    }
}

static uint32_t behind(uint32_t at, uint32_t by, uint32_t size)
{
    at += (by + 15) & ~15U;
    return at >= size ? at - size : at;
}

uint32_t ring_receive(uint8_t *out)
{
    uint32_t read = REG(ring_outbound + 4);
    if (REG(ring_inbound) == read) {
        return RING_NONE;
    }
    uint32_t block = REG(ring_inbound + 64 + read);
    uint32_t size = block + 4 - HEAD;
    uint32_t at = read + HEAD;
    for (uint32_t i = 0; i < size; i++, at++) {
        out[i] = data_of(ring_inbound)[at >= ring_in_size ? at - ring_in_size : at];
    }
    REG(ring_outbound + 4) = behind(read, 4 + block, ring_in_size);
    __asm volatile("dsb");
    MAILBOX(0x14) = 2;
    return size;
}

void ring_send(const uint8_t *data, uint32_t size)
{
    uint32_t write = REG(ring_outbound);
    REG(ring_outbound + 64 + write) = HEAD - 4 + size;
    for (uint32_t i = 4; i < HEAD + size; i++) {
        uint32_t at = write + i;
        uint8_t byte = i < HEAD ? 0 : data[i - HEAD];
        data_of(ring_outbound)[at >= ring_out_size ? at - ring_out_size : at] = byte;
    }
    REG(ring_outbound) = behind(write, HEAD + size, ring_out_size);
    __asm volatile("dsb");
    MAILBOX(0x14) = 1;
}
