// SPDX-License-Identifier: Apache-2.0
// busward-rt.elf in the model between a gateway's session (lib/intercore) and a device on its line,
// all in the model's time, with the line's judge on the wire.
#ifndef RT_APP_RIG_H
#define RT_APP_RIG_H

#include "intercore/host_session.h"
#include "line/frame.h"
#include "sim/judge.h"
#include "tests/scenario/mt3620/rig.h"

struct app_done {
    uint32_t token;
    uint8_t outcome; // enum line_outcome
    uint32_t hold_ns;
    uint64_t tx_end_us, rx_last_us;
    uint16_t reply_size;
    uint8_t reply[IC_FRAME_MAX];
};

struct app {
    struct rig rig;
    struct ic_host host;
    struct judge judge;
    uint32_t bit_u;
    uint8_t char_bits;
    uint64_t wire_end_u; // of the last thing on the wire
    // The device: called when one of our frames is over; NULL: silent.
    void (*device)(struct app *app, const struct rig_frame *frame);
    void *device_ctx;
    uint32_t turnaround_u; // from our last stop bit to its answer
    // What came back.
    uint32_t done_count, up_count, down_count;
    enum ic_trouble trouble; // of the last time that the line went down
    uint32_t outcomes[LINE_OUTCOME_COUNT];
    struct app_done done;                                          // the last
    void (*on_done)(struct app *app, const struct app_done *done); // NULL: none
    // Private.
    uint32_t frames_seen;
    size_t out_size; // message that found no room
    uint8_t out[IC_MESSAGE_MAX];
};

// Opens, links and waits until the line is up. elf NULL: busward-rt.
bool app_open(struct app *app, const char *elf, const struct mt_knobs *knobs,
              const struct ic_line_setup *setup);
void app_close(struct app *app);
// False: the model refused something.
bool app_run_us(struct app *app, uint64_t us);
// Runs until so many DONEs have come, at most so long.
bool app_run_done(struct app *app, uint32_t count, uint64_t longest_us);
bool app_run_up(struct app *app, uint64_t longest_us);
enum err app_send(struct app *app, uint32_t token, struct bytes frame, uint32_t timeout_us);
// The device talks: back to back from start_u, counted by the judge as a reply.
void app_talk(struct app *app, uint64_t start_u, struct bytes in);
// A device that answers each frame with its first bytes, size of them.
void app_device_echoes(struct app *app, const struct rig_frame *frame);

#endif
