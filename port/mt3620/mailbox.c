// SPDX-License-Identifier: Apache-2.0
#include "port/api/mailbox.h"

#include "base/assert.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/mailbox.h"
#include "port/mt3620/memory.h"
#include "port/mt3620/partner.h"
#include "port/mt3620/rings.h"

// What the system says when it sets the channel up, in whatever order.
#define COMMAND_OUTBOUND 0xBA5E0001U // the ring that we write
#define COMMAND_INBOUND  0xBA5E0002U
#define COMMAND_END      0xBA5E0003U
#define COMMANDS_MAX     16 // of one call: more than the FIFO holds

static struct {
    struct rings rings;
    struct ring_half in, out; // as announced so far; base NULL: not yet
    bool is_open;
    volatile bool is_signalled;
} mailbox;

void mailbox_setup(void)
{
    reg_put(MBOX_SW_RX_STS, MBOX_FROM_A7);
    reg_put(MBOX_SW_RX_EN, MBOX_FROM_A7);
    irq_enable(IRQ_MAILBOX);
}

void mailbox_isr(void)
{
    reg_put(MBOX_SW_RX_STS, reg_get(MBOX_SW_RX_STS));
    mailbox.is_signalled = true;
}

bool mailbox_is_signalled(void)
{
    return mailbox.is_signalled;
}

bool mailbox_has_partner(void)
{
    return mailbox.is_open;
}

// The low five bits are log2 of the whole buffer, the others its address.
static struct ring_half half_of(uint32_t descriptor)
{
    struct ring_half none = {.base = NULL};
    uint32_t log2 = descriptor & 0x1FU;
    uint32_t base = descriptor & ~0x1FU;
    uint32_t size = log2 < 32 ? 1U << log2 : 0;
    if (size < RING_HEADER_SIZE + RING_DATA_MIN || size > RING_HEADER_SIZE + RING_DATA_MAX ||
        !memory_is_foreign(base, size)) {
        return none;
    }
    return (struct ring_half){.base = (volatile uint8_t *)base,
                              .data_size = size - RING_HEADER_SIZE};
}

// Non-blocking hand-shake: it comes when the other core's application starts, and again when it
// starts anew.
static void take_commands(void)
{
    for (int n = 0; n < COMMANDS_MAX && reg_get(MBOX_POP_COUNT) != 0; n++) {
        uint32_t data = reg_get(MBOX_POP_DATA); // before the command, whose reading moves on
        uint32_t command = reg_get(MBOX_POP_CMD);
        if (command == COMMAND_OUTBOUND) {
            mailbox.out = half_of(data);
            mailbox.is_open = false;
        } else if (command == COMMAND_INBOUND) {
            mailbox.in = half_of(data);
            mailbox.is_open = false;
        } else if (command == COMMAND_END && mailbox.in.base != NULL && mailbox.out.base != NULL) {
            mailbox.is_open = rings_open(&mailbox.rings, mailbox.in, mailbox.out) == OK;
        }
    }
}

static void signal_a7(uint32_t what)
{
    __asm volatile("dsb" : : : "memory"); // all of it is in memory before the other core looks
    reg_put(MBOX_SW_TX, what);
}

enum err mailbox_receive(uint8_t *out, size_t capacity, size_t *size)
{
    ASSERT(capacity >= MAILBOX_MESSAGE_MAX);
    mailbox.is_signalled = false; // before looking: what comes now signals anew
    take_commands();
    if (!mailbox.is_open) {
        return ERR_AGAIN;
    }
    enum err err = rings_receive(&mailbox.rings, out, MAILBOX_MESSAGE_MAX, size);
    if (err == ERR_EMPTY) {
        return ERR_AGAIN;
    }
    mailbox.is_signalled = true; // one is gone, more may wait
    signal_a7(MBOX_READ);
    return err;
}

enum err mailbox_send(struct bytes message)
{
    if (message.size > MAILBOX_MESSAGE_MAX) {
        return ERR_SIZE;
    }
    if (!mailbox.is_open) {
        return ERR_AGAIN;
    }
    enum err err = rings_send(&mailbox.rings, partner_id, message);
    if (err == OK) {
        signal_a7(MBOX_SENT);
    }
    return err == ERR_FULL || err == ERR_CORRUPT ? ERR_AGAIN : err;
}
