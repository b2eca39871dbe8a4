// SPDX-License-Identifier: Apache-2.0
// The mailbox to the A7, and the A7's side of the two shared rings behind it.
#include <string.h>

#include "sim/mt3620/model.h"

#define GEN_CTRL  0x04
#define SW_TX     0x14
#define SW_RX_EN  0x18
#define SW_RX_STS 0x1c
#define INT_EN    0x38
#define CMD_PUSH  0x40
#define DATA_PUSH 0x44
#define PUSH_CNT  0x48
#define CMD_POP   0x50
#define DATA_POP  0x54
#define POP_CNT   0x58

#define ANNOUNCE_OUTBOUND 0xba5e0001U
#define ANNOUNCE_INBOUND  0xba5e0002U
#define ANNOUNCE_END      0xba5e0003U
#define CORE_SENT         1U // SW_TX
#define CORE_HAS_READ     2U
#define A7_HAS_READ       1U // SW_RX
#define A7_SENT           2U

#define RING_HEADER 64U
#define RING_SIZE   ((1U << RING_LOG2) - RING_HEADER)
#define WRITE_AT    0U  // position of the header's owner as a writer
#define READ_AT     4U  // how far the header's owner has read the other ring
#define BLOCK_HEAD  24U // size word, component, reserved word
#define SIZE_WORD   4U
#define ALIGNMENT   16U

// The gateway's component, as the A7 stamps it on what it passes on.
static const uint8_t COMPONENT[16] = {0x21, 0x4f, 0x0b, 0x7e, 0x55, 0x0d, 0x9c, 0x4a,
                                      0x8b, 0x3e, 0x62, 0x1f, 0xd3, 0x77, 0x50, 0xaa};

static uint32_t get(const struct mt *mt, uint32_t address)
{
    struct reader in = reader_of(bytes_of(m4_memory(mt, address, 4), 4));
    return get_u32le(&in);
}

static void set(struct mt *mt, uint32_t address, uint32_t value)
{
    struct writer out = writer_of(m4_memory(mt, address, 4), 4);
    put_u32le(&out, value);
}

static void update_line(struct mt *mt)
{
    nvic_line(mt, IRQ_MAILBOX, (mt->mailbox.rx_status & mt->mailbox.rx_enable) != 0);
}

static void signal_core(struct mt *mt, uint32_t bit)
{
    mt->at_u = mt->now_u;
    mt->mailbox.rx_status |= bit;
    update_line(mt);
}

void mailbox_announce(struct mt *mt)
{
    struct mailbox *mailbox = &mt->mailbox;
    memset(m4_memory(mt, OUTBOUND_BASE, RING_HEADER), 0, RING_HEADER);
    memset(m4_memory(mt, INBOUND_BASE, RING_HEADER), 0, RING_HEADER);
    mailbox->in[0] = (struct mailbox_entry){ANNOUNCE_OUTBOUND, OUTBOUND_BASE | RING_LOG2};
    mailbox->in[1] = (struct mailbox_entry){ANNOUNCE_INBOUND, INBOUND_BASE | RING_LOG2};
    mailbox->in[2] = (struct mailbox_entry){ANNOUNCE_END, 0};
    mailbox->in_count = 3;
}

void mt_partner_restart(struct mt *mt)
{
    mailbox_announce(mt);
    signal_core(mt, A7_SENT | A7_HAS_READ);
}

// --- the core's registers ---

static uint32_t pop_command(struct mt *mt)
{
    struct mailbox *mailbox = &mt->mailbox;
    uint32_t command = mailbox->in[0].command;
    memmove(mailbox->in, mailbox->in + 1, sizeof mailbox->in - sizeof mailbox->in[0]);
    mailbox->in_count--;
    return command;
}

uint32_t mailbox_read(struct mt *mt, unsigned index, uint32_t offset)
{
    (void)index;
    struct mailbox *mailbox = &mt->mailbox;
    bool pops = offset == CMD_POP || offset == DATA_POP;
    if (pops && mailbox->in_count == 0) {
        mt_fail(mt, "the mailbox was popped while it was empty");
        return 0;
    }
    switch (offset) {
    case SW_RX_EN: return mailbox->rx_enable;
    case SW_RX_STS: return mailbox->rx_status;
    case INT_EN: return 0;
    case PUSH_CNT: return mailbox->out_count;
    case CMD_POP: return pop_command(mt); // moves the pointer: DATA comes first
    case DATA_POP: return mailbox->in[0].data;
    case POP_CNT: return mailbox->in_count;
    default:
        mt_fail(mt, "reading register 0x%02x of the mailbox is not modelled", offset);
        return 0;
    }
}

static bool push_command(struct mailbox *mailbox, uint32_t command)
{
    if (mailbox->out_count == MAILBOX_FIFO) {
        return false;
    }
    mailbox->out[mailbox->out_count++] =
        (struct mailbox_entry){.command = command, .data = mailbox->push_data};
    return true;
}

void mailbox_write(struct mt *mt, unsigned index, uint32_t offset, uint32_t value)
{
    (void)index;
    struct mailbox *mailbox = &mt->mailbox;
    bool good = true;
    switch (offset) {
    case GEN_CTRL:
        mailbox->out_count = (value & 3U) != 0 ? 0 : mailbox->out_count;
        mailbox->in_count = (value & 1U) != 0 ? 0 : mailbox->in_count;
        good = value <= 3;
        break;
    case SW_TX:
        good = (value & ~(CORE_SENT | CORE_HAS_READ)) == 0;
        if ((value & CORE_SENT) != 0) {
            mt_emit(mt, &(struct mt_event){.kind = MT_MESSAGE, .at_u = mt->at_u});
        }
        break;
    case SW_RX_EN: mailbox->rx_enable = value & (A7_SENT | A7_HAS_READ); break;
    case SW_RX_STS: mailbox->rx_status &= ~value; break;
    case INT_EN: good = value == 0; break; // sources differ about its bits
    case DATA_PUSH: mailbox->push_data = value; break;
    case CMD_PUSH: good = push_command(mailbox, value); break;
    default: good = false; break;
    }
    if (!good) {
        mt_fail(mt, "writing 0x%x to register 0x%02x of the mailbox is not modelled", value,
                offset);
    }
    update_line(mt);
}

// --- the A7's side of the rings ---

static uint32_t advance(uint32_t position, uint32_t by)
{
    uint32_t to = position + (by + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return to >= RING_SIZE ? to - RING_SIZE : to;
}

static void copy_in(struct mt *mt, uint32_t position, struct bytes data)
{
    uint8_t *ring = m4_memory(mt, INBOUND_BASE + RING_HEADER, RING_SIZE);
    for (size_t i = 0; i < data.size; i++) {
        ring[(position + i) % RING_SIZE] = data.data[i];
    }
}

static uint32_t inbound_free(const struct mt *mt)
{
    uint32_t write = get(mt, INBOUND_BASE + WRITE_AT);
    uint32_t read = get(mt, OUTBOUND_BASE + READ_AT);
    return read > write ? read - write : RING_SIZE - (write - read);
}

enum err mt_send_block(struct mt *mt, uint32_t size_word, struct bytes rest)
{
    uint32_t read = get(mt, OUTBOUND_BASE + READ_AT);
    if (read >= RING_SIZE || inbound_free(mt) < SIZE_WORD + rest.size + ALIGNMENT) {
        return ERR_AGAIN;
    }
    uint32_t write = get(mt, INBOUND_BASE + WRITE_AT);
    set(mt, INBOUND_BASE + RING_HEADER + write, size_word); // never wraps
    copy_in(mt, write + SIZE_WORD, rest);
    set(mt, INBOUND_BASE + WRITE_AT, advance(write, SIZE_WORD + (uint32_t)rest.size));
    signal_core(mt, A7_SENT);
    return OK;
}

enum err mt_send(struct mt *mt, struct bytes message)
{
    uint8_t block[BLOCK_HEAD - SIZE_WORD + MT_MESSAGE_MAX];
    if (message.size > MT_MESSAGE_MAX) {
        return ERR_SIZE;
    }
    struct writer out = writer_of(block, sizeof block);
    put_bytes(&out, bytes_of(COMPONENT, sizeof COMPONENT));
    put_u32le(&out, 0);
    put_bytes(&out, message);
    return mt_send_block(mt, (uint32_t)out.size, writer_bytes(&out));
}

void mt_set_write_position(struct mt *mt, uint32_t position)
{
    set(mt, INBOUND_BASE + WRITE_AT, position);
    signal_core(mt, A7_SENT);
}

enum err mt_receive(struct mt *mt, uint8_t *out, size_t capacity, size_t *size)
{
    uint32_t write = get(mt, OUTBOUND_BASE + WRITE_AT);
    uint32_t read = get(mt, INBOUND_BASE + READ_AT);
    if (write == read) {
        return ERR_AGAIN;
    }
    bool sane = write < RING_SIZE && write % ALIGNMENT == 0;
    uint32_t used = write > read ? write - read : RING_SIZE - (read - write);
    uint32_t block = sane ? get(mt, OUTBOUND_BASE + RING_HEADER + read) : 0;
    sane = sane && block >= BLOCK_HEAD - SIZE_WORD && block <= used - SIZE_WORD &&
           block - (BLOCK_HEAD - SIZE_WORD) <= MT_MESSAGE_MAX &&
           block - (BLOCK_HEAD - SIZE_WORD) <= capacity;
    if (!sane) {
        set(mt, INBOUND_BASE + READ_AT, write < RING_SIZE ? write : read);
        return ERR_CORRUPT;
    }
    const uint8_t *ring = m4_memory(mt, OUTBOUND_BASE + RING_HEADER, RING_SIZE);
    *size = block - (BLOCK_HEAD - SIZE_WORD);
    for (size_t i = 0; i < *size; i++) {
        out[i] = ring[(read + BLOCK_HEAD + i) % RING_SIZE];
    }
    set(mt, INBOUND_BASE + READ_AT, advance(read, SIZE_WORD + block));
    signal_core(mt, A7_HAS_READ);
    return OK;
}
