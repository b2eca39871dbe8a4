// SPDX-License-Identifier: Apache-2.0
// The registers of the MT3620's real-time core that this port uses, and nothing else of them.
// Sources: CodethinkLabs/mt3620-m4-drivers (MIT), Azure Sphere samples and documentation.
#ifndef PORT_MT3620_REGS_H
#define PORT_MT3620_REGS_H

#include <stdint.h>

static inline uint32_t reg_get(uint32_t address)
{
    return *(const volatile uint32_t *)address;
}

static inline void reg_put(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

// Cortex-M4.
#define NVIC_ISER       0xE000E100U // set enable, 32 per word; [ARMv7-M B3.4]
#define NVIC_ICER       0xE000E180U // clear enable
#define NVIC_ISPR       0xE000E200U // set pending
#define NVIC_ICPR       0xE000E280U // clear pending
#define NVIC_IPR        0xE000E400U // a byte of priority each, its bits [7:5] implemented
#define SCB_VTOR        0xE000ED08U
#define SCB_AIRCR       0xE000ED0CU
#define SCB_SHPR        0xE000ED18U // priorities of the exceptions 4 to 15
#define SCB_SHCSR       0xE000ED24U
#define SCB_CFSR        0xE000ED28U
#define SCB_HFSR        0xE000ED2CU
#define SCB_MMFAR       0xE000ED34U
#define SCB_BFAR        0xE000ED38U
#define AIRCR_RESET     0x05FA0004U // key, SYSRESETREQ
#define SHCSR_FAULTS    0x00070000U // usage, bus and memory faults on
#define CFSR_BFAR_VALID 0x8000U

#define IRQ_COUNT       100
#define IRQ_GPT01       1
#define IRQ_GPT3        2
#define IRQ_MAILBOX     11
#define IRQ_ISU_UART(n) (47 + 4 * (n))

// Clock of the core and of GPT4.
#define HCLK_SELECT 0x2101000CU
#define HCLK_MASK   0x00000300U
#define HCLK_PLL    0x00000200U // 197.6 MHz = 26 MHz x 7.6

// Timers.
#define GPT_ISR         0x21030000U // bit n: GPTn expired; write 1 clears
#define GPT_IER         0x21030004U
#define GPT0_CTRL       0x21030010U
#define GPT0_ICNT       0x21030014U
#define GPT01_CTRL_ON   0x1U
#define GPT01_CTRL_FAST 0x4U // 32.768 kHz
#define GPT3_CTRL       0x21030050U
#define GPT3_INIT       0x21030054U
#define GPT3_EXPIRE     0x2103005CU
#define GPT3_CTRL_ON    0x1U
#define GPT3_CTRL_ICLR  0x8000U
#define GPT3_CTRL_1MHZ  (25U << 16) // 26 MHz / (25 + 1)
#define GPT4_CTRL       0x21030060U
#define GPT4_INIT       0x21030064U
#define GPT4_CNT        0x21030068U
#define GPT4_CTRL_ON    0x3U // at the bus clock

// Watchdog. MediaTek waits 100 us after each write.
#define WDT_MODE       0x21020030U
#define WDT_LENGTH     0x21020034U
#define WDT_RESTART    0x21020038U
#define WDT_STATUS     0x2102003CU
#define WDT_ON         0x2201U // key, enable; resets
#define WDT_OFF        0x2200U
#define WDT_AGAIN      0x1971U
#define WDT_TIMED_OUT  0x8000U
#define WDT_SECONDS(n) ((uint32_t)(n)*32U << 5 | 8U)

// UART, offsets from its base.
#define UART_RBR        0x00U
#define UART_THR        0x00U
#define UART_DLL        0x00U
#define UART_IER        0x04U
#define UART_DLM        0x04U
#define UART_FCR        0x08U
#define UART_EFR        0x08U // while LCR is LCR_EFR
#define UART_LCR        0x0CU
#define UART_MCR        0x10U
#define UART_LSR        0x14U
#define UART_HIGHSPEED  0x24U
#define UART_COUNT      0x28U // SAMPLE_COUNT
#define UART_POINT      0x2CU // SAMPLE_POINT
#define UART_GUARD      0x3CU
#define UART_ESCAPE_EN  0x44U
#define UART_VFIFO_EN   0x4CU
#define UART_FRACDIV_L  0x54U
#define UART_FRACDIV_M  0x58U
#define UART_RX_OFFSET  0x68U
#define UART_TX_OFFSET  0x6CU
#define IER_RX          0x01U
#define IER_THRE        0x02U
#define IER_LINE        0x04U
#define FCR_ON          0x01U // FIFOs on, both triggers at 1
#define FCR_CLEAR       0x06U // both
#define FCR_CLEAR_TX    0x04U
#define LCR_8           0x03U
#define LCR_STOP2       0x04U
#define LCR_ODD         0x08U
#define LCR_EVEN        0x18U
#define LCR_DLAB        0x80U
#define LCR_EFR_ACCESS  0xBFU
#define LSR_DR          0x01U
#define LSR_OE          0x02U
#define LSR_PE          0x04U
#define LSR_FE          0x08U
#define LSR_BI          0x10U
#define LSR_THRE        0x20U
#define LSR_TEMT        0x40U
#define LSR_CHAR_ERRORS (LSR_PE | LSR_FE | LSR_BI)
#define RX_OFFSET_MASK  0x3FU
#define TX_OFFSET_MASK  0x1FU
#define UART_FIFO_SIZE  16

// GPIO, offsets from a block's base; set and clear act on the bits written as 1.
#define GPIO_DOUT_SET 0x14U
#define GPIO_DOUT_CLR 0x18U
#define GPIO_OE_SET   0x24U
#define GPIO_IES_CLR  0x68U

// Mailbox to the A7.
#define MBOX_SW_TX     0x21050014U
#define MBOX_SW_RX_EN  0x21050018U
#define MBOX_SW_RX_STS 0x2105001CU
#define MBOX_POP_CMD   0x21050050U
#define MBOX_POP_DATA  0x21050054U
#define MBOX_POP_COUNT 0x21050058U
#define MBOX_SENT      0x1U // to the A7: a message was written
#define MBOX_READ      0x2U // to the A7: messages were read
#define MBOX_FROM_A7   0x3U // bit 0: it has read; bit 1: it has written

#endif
