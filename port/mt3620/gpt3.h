// SPDX-License-Identifier: Apache-2.0
// GPT3, the one timer that is fine enough to release the driver, shared by two users: while a frame
// is in the air it is the driver's, else the loop sleeps on it.
//
//   READY --gpt3_sleep--> SLEEP --expired--> CLEARING --5 us--> SETTLING --2 us--> READY
//   READY --gpt3_release_at--> RELEASE --expired, driver off--> CLEARING
//   SLEEP --gpt3_take--> SETTLING
//
// The two waits are the hardware's [MediaTek BSP]: they pass while other work is done, and are
// looked at by gpt3_step().
#ifndef PORT_MT3620_GPT3_H
#define PORT_MT3620_GPT3_H

#include <stdbool.h>
#include <stdint.h>

void gpt3_setup(void);

// From the loop. Wakes the core at_ticks, or earlier if an earlier sleep was still set. False: not
// ready yet, come back within 7 us; or it is the driver's.
bool gpt3_sleep(uint32_t at_ticks);
// A sleep has ended since it was last forgotten.
bool gpt3_has_slept(void);
void gpt3_forget_sleep(void);

// With the UART's interrupt masked, or from it:
void gpt3_step(void);
// The loop's sleep, if any, ends: a frame begins.
void gpt3_take(void);
// Calls release_driver() a little before at_ticks, at the highest priority. May wait for 7 us if
// the timer was in use just before.
void gpt3_release_at(uint32_t at_ticks);
// The frame was aborted.
void gpt3_forget_release(void);

#endif
