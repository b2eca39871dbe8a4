// SPDX-License-Identifier: Apache-2.0
// A firmware in the model with a judge on its wire. The judge looks at the shift register and the
// pins alone, never at what the firmware says of itself.
#ifndef RT_RIG_H
#define RT_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/time.h"
#include "sim/mt3620/mt3620.h"
#include "tests/scenario/mt3620/firmware/probe.h"

#define U_PER_S          (US_PER_S * MT_U_PER_US)
#define RIG_WIRE_MAX     600
#define RIG_MESSAGES_MAX 600
#define RIG_MESSAGE_MAX  1024

struct rig_message {
    uint16_t size;
    uint8_t bytes[RIG_MESSAGE_MAX];
};

// What the judge found between the driver's rise and fall.
struct rig_frame {
    bool is_done; // the driver fell
    uint16_t size;
    uint8_t bytes[RIG_WIRE_MAX];              // as they left the shift register
    uint32_t cut;                             // the driver was off for some of it
    uint32_t fought;                          // heard otherwise by the other nodes, though driven
    uint64_t drive_u, first_u, end_u, fall_u; // driver on, first start bit, last stop bit, off
    uint32_t bit_u;
    uint32_t gap_max_u;    // between two of its characters
    uint32_t instructions; // from the release's interrupt to the pin
};

struct rig {
    struct mt *mt;
    uint64_t random;
    bool is_driving;
    bool de_active_low;
    struct rig_frame frame; // under way, or the last one
    uint32_t frame_count;   // whole ones
    uint32_t frame_seen;    // of them by rig_wait_frame
    uint32_t char_count;
    uint32_t stray_count; // characters outside any frame
    uint32_t damaged_count;
    uint32_t light_count[3]; // times that red, green, blue were lit
    uint32_t reset_count;
    enum mt_cause cause; // of the last reset
    uint32_t message_count, message_taken;
    struct rig_message messages[RIG_MESSAGES_MAX]; // a ring
    char failure[512];
};

// The path of an ELF of the m4 build.
const char *rig_elf(const char *name);
// False: .failure says why.
bool rig_open(struct rig *rig, const char *elf, const struct mt_knobs *knobs);
void rig_close(struct rig *rig);
// Runs until something came out or then; false: the latter, or a failure.
bool rig_step(struct rig *rig, uint64_t until_u);
// Runs until then; false: the model refused something, .failure says what.
bool rig_run(struct rig *rig, uint64_t until_u);
bool rig_run_us(struct rig *rig, uint64_t us);
// Runs until the driver has fallen once more than it had been waited for, at most so long.
bool rig_wait_frame(struct rig *rig, uint64_t longest_us);
// Runs until so many characters of the next frame have ended.
bool rig_run_chars(struct rig *rig, unsigned count, uint64_t longest_us);
// Runs until a message waits, at most so long; NULL: none came.
const struct rig_message *rig_take(struct rig *rig, uint64_t longest_us);
// The deepest that the stack has been, by the firmware's paint.
uint32_t rig_stack_bytes(const struct rig *rig);
uint64_t rig_random(struct rig *rig);
// From the last stop bit to the driver's fall, in bits; negative: too early.
double rig_hold_bits(const struct rig_frame *frame);
// Puts characters on the wire, back to back from start_u; gives the end of the last.
uint64_t rig_talk(struct rig *rig, uint64_t start_u, uint32_t bit_u, struct bytes in,
                  enum serial_parity parity, uint8_t stop_bits);

#endif
