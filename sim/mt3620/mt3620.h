// SPDX-License-Identifier: Apache-2.0
// A register-level model of the MT3620's real-time core: runs an unmodified ELF in virtual time,
// with everything that a transceiver on ISU0 and a gateway behind the mailbox would see.
//
// Time is in units ("u") of 1/988 MHz: a CPU cycle at 197.6 MHz is 5 units, a 26 MHz tick is 38.
// Same inputs, same outputs. An access that the facts do not cover ends the run: mt_failure().
#ifndef SIM_MT3620_MT3620_H
#define SIM_MT3620_MT3620_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "port/api/serial.h"

#define MT_U_PER_US    UINT64_C(988)
#define MT_NEVER       UINT64_MAX
#define MT_UARTS       5    // ISU0 to ISU4; ISU0 is behind the transceiver
#define MT_RX_MAX      2048 // characters on their way to one UART
#define MT_EVENTS_MAX  256  // outputs waiting; mt_run returns long before
#define MT_MESSAGE_MAX 1024 // bytes
#define MT_PIN_DE      42
#define MT_PIN_RE      43 // active low
#define MT_PIN_RED     8  // of the status light: 8, 9, 10

// What silicon leaves open, and what a test wants worse than nominal. Zero: the nominal value.
struct mt_knobs {
    uint16_t tx_lag;      // per mille of a bit, 0 to 1000: from load to start bit when idle
    uint16_t temt_lead;   // per mille of a bit: TEMT rises so long before the end of the stop bit
    uint16_t thre_lead;   // per mille of a bit: the shifter reloads so long before that end
    bool thre_at_trigger; // THRE at FCR's trigger level too, not only when empty
    uint16_t bus_wait_cycles;    // per peripheral access; 0: 12
    uint16_t irq_latency_cycles; // from pending to the first instruction; 0: 12
    uint16_t rx_jitter;          // per mille of a bit, 0 to 500: a character is ready up to so late
    uint16_t storm_irq;          // what the storm pends; 0: ISU0's UART (47)
    uint64_t storm_u;            // period of spurious interrupts; 0: none
    bool reload_on_reset;        // any reset loads the ELF's segments again
    bool no_handshake_on_reset;  // the A7 does not announce its buffers again
    uint64_t seed;
};

struct mt_cfg {
    const char *elf;
    const char *trace; // VCD file; NULL: none
    struct mt_knobs knobs;
};

enum mt_event_kind {
    MT_CHAR,    // a character left a UART; at_u is the end of its last stop bit
    MT_PIN,     // GPIO42 (DE), 43 (RE#), 8 to 10 (light) changed: .pin, .level, .instructions
    MT_MESSAGE, // the core says "sent": mt_receive
    MT_RESET,   // the core starts anew: .cause
    MT_LOCKUP,  // a fault in the HardFault handler: only a reset helps
};

enum mt_cause { MT_CAUSE_POWER, MT_CAUSE_HOST, MT_CAUSE_CORE, MT_CAUSE_WATCHDOG };

struct mt_event {
    enum mt_event_kind kind;
    uint64_t at_u;
    uint8_t uart;
    uint64_t start_u;  // of the start bit
    uint32_t bit_u;    // mean length of a bit
    uint8_t bit_count; // start, data, parity, stop (a half one counts as one)
    uint16_t bits;     // as driven, start bit in bit 0
    uint8_t byte;
    uint8_t heard;   // by the other nodes: differs if bits went undriven or others talked
    bool damaged;    // .heard is not to be trusted
    uint64_t lost_u; // how long of it the driver was off
    uint8_t pin;
    bool level;
    uint8_t busy;          // pins: characters of UART 0 that have not left altogether
    uint32_t instructions; // since the innermost interrupt under way was entered; 0: none
    enum mt_cause cause;
};

#define MT_RX_BAD_PARITY 1U
#define MT_RX_BAD_STOP   2U // stop bit low
#define MT_RX_BREAK      4U // all low, for the length of the character

// A character of another node.
struct mt_rx {
    uint8_t uart;
    uint8_t byte;
    uint64_t start_u;  // not before mt_now_u
    uint32_t bit_u;    // of the sender
    uint8_t data_bits; // 5 to 8; 0: 8
    enum serial_parity parity;
    uint8_t stop_bits; // 1 or 2; 0: 1
    unsigned flags;
};

enum mt_ran { MT_TIME, MT_OUTPUT, MT_FAILED };

struct mt_counters {
    uint64_t instructions, interrupts;
    uint32_t irq_latency_u; // worst, from pending to the first instruction of the handler
    uint32_t resets;        // beyond the first start
    uint32_t stack_bytes;   // worst use of the main stack since power came, by its paint
    uint64_t rx_overruns;   // characters lost in full FIFOs
};

struct mt;

// NULL: problem says why. Power comes at time 0; the channel to the A7 is announced at once.
struct mt *mt_open(const struct mt_cfg *cfg, char *problem, size_t capacity);
void mt_close(struct mt *mt);
// Runs to until_u, or until something waits in mt_next, or to the failure.
enum mt_ran mt_run(struct mt *mt, uint64_t until_u);
bool mt_next(struct mt *mt, struct mt_event *out);
// NULL: all is well. Else what, where (PC) and when, for people.
const char *mt_failure(const struct mt *mt);
uint64_t mt_now_u(const struct mt *mt);
// When the model next does anything by itself: now while the core runs.
uint64_t mt_wake_u(struct mt *mt);

// Puts a character on the wire; *end_u is the end of its last stop bit. ERR_FULL, ERR_ARG.
NODISCARD enum err mt_rx(struct mt *mt, const struct mt_rx *in, uint64_t *end_u);

// The A7's side of the channel. ERR_AGAIN: no room; ERR_SIZE: beyond MT_MESSAGE_MAX.
NODISCARD enum err mt_send(struct mt *mt, struct bytes message);
// ERR_AGAIN: none; ERR_CORRUPT: the core broke the ring (its outbound content is dropped).
NODISCARD enum err mt_receive(struct mt *mt, uint8_t *out, size_t capacity, size_t *size);
// A block as given, right or wrong: size_word, then bytes. ERR_AGAIN: no room.
NODISCARD enum err mt_send_block(struct mt *mt, uint32_t size_word, struct bytes rest);
// The inbound write position as given, right or wrong, and the interrupt.
void mt_set_write_position(struct mt *mt, uint32_t position);
// The A7 starts anew: empty buffers, announced again.
void mt_partner_restart(struct mt *mt);

// Warm: memory and peripherals stay. Cold: memory is junk but for the image.
void mt_reset(struct mt *mt, bool cold);
void mt_counters(const struct mt *mt, struct mt_counters *out);
// Address of a symbol of the ELF (bit 0 of functions kept); false: none.
bool mt_symbol(const struct mt *mt, const char *name, uint32_t *address);
// Memory as it is. False: not all of it is memory.
bool mt_peek(const struct mt *mt, uint32_t address, void *out, size_t size);
// The same backwards, for a test that breaks the firmware's data (not its code).
bool mt_poke(struct mt *mt, uint32_t address, const void *in, size_t size);

#endif
