// SPDX-License-Identifier: Apache-2.0
// What a test and the probe firmware say to each other through the mailbox: a kind, then fields,
// little-endian.
#ifndef RT_FIRMWARE_PROBE_H
#define RT_FIRMWARE_PROBE_H

enum probe_kind {
    // To the probe.
    PROBE_SETUP = 1, // u32 baud, u8 parity, u8 stop bits, u8 guard, u8 DE low, u8 hears itself
    PROBE_DRIVE,
    PROBE_SEND, // frame
    PROBE_RELEASE,
    PROBE_ECHO,   // anything: comes back
    PROBE_ASSERT, // dies of an assertion
    PROBE_FAULT,  // u32 address: reads it
    PROBE_HANG,   // feeds the watchdog no more
    PROBE_AT,     // u32 us from now: says PROBE_WOKEN then
    PROBE_BUSY,   // u32 us: its loop does nothing for so long
    PROBE_DEAF,   // u32 us: nor does any interrupt
    // From the probe.
    PROBE_STARTED,    // u32 boot id, u8 end, u32 line, 16 file, u32 pc, u32 cfsr, u32 address, u32
                      // count
    PROBE_SETUP_DONE, // i8 err, u32 baud, u32 char ns, u8 char bits
    PROBE_SEND_DONE,  // i8 err
    PROBE_EVENT,      // u8 kind, u8 byte, u8 flags, u64 at, u64 end, u32 hold ns
    PROBE_WOKEN,      // u64 wanted us, u64 us
};

#endif
