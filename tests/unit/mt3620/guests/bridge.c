// SPDX-License-Identifier: Apache-2.0
// The smallest real-time core there is: a message is a frame for the line, and a frame from the
// line is a message. 19200 8E1 with a silence of 2 ms; DE by the book.
#include "ring.h"

#define CHAR_TICKS  ((13542U * 11 / 10) * 38 / 5) // of GPT4, 11 bits
#define LEAD_US     3
#define SILENCE     66 // ticks of 32768 Hz
#define EVEN_PARITY 0x1bU

static uint8_t frame[RING_MESSAGE_MAX], heard[RING_MESSAGE_MAX];
static volatile uint32_t frame_size, sent, heard_size, release;
static volatile uint32_t quiet;

static void fill_fifo(void)
{
    while (sent < frame_size && UART(0, 0x6c) < 16) {
        UART(0, 0x00) = frame[sent++];
    }
}

static void arm_silence(void)
{
    quiet = 0;
    GPT(0x10) = 0;
    GPT(0x14) = SILENCE;
    GPT(0x10) = 1 | 4;
}

static void take_bytes(void)
{
    while ((UART(0, 0x14) & 1) != 0) {
        uint8_t byte = (uint8_t)UART(0, 0x00);
        if (heard_size < sizeof heard) {
            heard[heard_size++] = byte;
        }
    }
    arm_silence();
}

void on_uart0(void)
{
    uint32_t cause = UART(0, 0x08) & 0x3f;
    if (cause != 2) {
        take_bytes();
        return;
    }
    if (UART(0, 0x6c) != 0) {
        return;
    }
    uint32_t ts = now();
    if (sent < frame_size) {
        fill_fifo();
        return;
    }
    UART(0, 0x04) = 5;
    release = ts + CHAR_TICKS;
    GPT(0x54) = 0;
    GPT(0x5c) = CHAR_TICKS / 198 - LEAD_US;
    GPT(0x50) = 25U << 16 | 1;
}

void on_gpt3(void)
{
    while ((int32_t)(now() - release) < 0) {
    }
    while ((UART(0, 0x14) & 0x40) == 0) {
    }
    drive(0);
    ADC_GPIO(0x18) = RE; // listen
    GPT(0x50) = 25U << 16 | 1U << 15;
    wait_us(6);
    GPT(0x50) = 25U << 16;
    arm_silence();
}

void on_gpt01(void)
{
    GPT(0x00) = 1;
    quiet = 1;
}

void on_mailbox(void)
{
    MAILBOX(0x1c) = 3;
}

static void send_frame(uint32_t size)
{
    frame_size = size;
    sent = 0;
    quiet = 0;
    ADC_GPIO(0x14) = RE;
    drive(1);
    mask();
    fill_fifo();
    UART(0, 0x04) = 7;
    unmask();
}

int main(void)
{
    start_clocks();
    start_pins();
    start_uart(0, &SPEED_19200, EVEN_PARITY);
    UART(0, 0x04) = 5;
    GPT(0x04) = 1;
    enable_irq(IRQ_UART0, 1);
    enable_irq(IRQ_GPT3, 0);
    enable_irq(IRQ_GPT01, 2);
    enable_irq(IRQ_MAILBOX, 2);
    ring_open();
    MAILBOX(0x18) = 2;
    arm_silence();
    for (;;) {
        uint32_t size = RING_NONE;
        mask(); // from the look to the sleep, so that no wake-up falls between
        if (quiet != 0 && heard_size != 0) {
            ring_send(heard, heard_size);
            heard_size = 0;
        }
        if (quiet != 0) {
            size = ring_receive(frame);
        }
        if (size == RING_NONE) {
            wfi();
        }
        unmask();
        if (size != RING_NONE && size != 0) {
            send_frame(size);
        }
    }
}
