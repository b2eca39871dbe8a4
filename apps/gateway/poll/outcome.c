// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/outcome.h"

#include "base/assert.h"

enum mb_line_outcome poll_outcome(enum line_outcome outcome)
{
    switch (outcome) {
    case LINE_REPLY: return MB_LINE_REPLY;
    case LINE_SENT: return MB_LINE_SENT;
    case LINE_TIMEOUT: return MB_LINE_TIMEOUT;
    case LINE_NOISE:
    case LINE_COLLISION:
    case LINE_NO_ECHO: return MB_LINE_NOISE;
    case LINE_BUSY: return MB_LINE_BUSY;
    case LINE_CANCELLED: return MB_LINE_CANCELLED;
    case LINE_PORT_LOST: break;
    }
    return MB_LINE_LOST;
}

// A frame came, but no answer.
static enum poll_failure failure_of_frame(uint8_t unit, struct bytes reply)
{
    struct mb_frame frame;
    const enum err err = mb_rtu_decode(reply, &frame);
    if (err != OK) {
        return err == ERR_CORRUPT ? POLL_BAD_CRC : POLL_CUT_SHORT;
    }
    return frame.unit != unit ? POLL_WRONG_UNIT : POLL_WRONG_REPLY;
}

enum poll_failure poll_failure_of(const struct mb_answer *answer, enum line_outcome heard,
                                  struct bytes reply)
{
    if (answer->kind == MB_ANSWER_TIMEOUT) {
        return POLL_TIMEOUT;
    }
    if (answer->kind == MB_ANSWER_BUSY) {
        return POLL_BUSY;
    }
    switch (heard) {
    case LINE_REPLY: return failure_of_frame(answer->unit, reply);
    case LINE_COLLISION: return POLL_COLLISION;
    case LINE_NO_ECHO: return POLL_NO_ECHO;
    case LINE_SENT:
    case LINE_TIMEOUT:
    case LINE_NOISE:
    case LINE_BUSY:
    case LINE_CANCELLED:
    case LINE_PORT_LOST: break;
    }
    return POLL_NOISE;
}

static const struct {
    const char *name;
    enum tm_reason reason;
    const char *hint;
} FAILURES[] = {
    [POLL_OK] = {"none", TM_REASON_NONE, ""},
    [POLL_TIMEOUT] = {"timeout", TM_REASON_TIMEOUT,
                      "no byte came: is it on, is this its unit number, are speed, format, A and B "
                      "right?"},
    [POLL_BAD_CRC] = {"bad_crc", TM_REASON_GARBLED,
                      "bytes came, but damaged: are parity and stop bits right, is the line "
                      "terminated, has one unit only this number?"},
    [POLL_CUT_SHORT] = {"cut_short", TM_REASON_GARBLED,
                        "too few bytes came: are speed and format right, does the adapter switch "
                        "its direction in time?"},
    [POLL_WRONG_UNIT] = {"wrong_unit", TM_REASON_GARBLED,
                         "another unit answered: is there another client, is a unit slower than "
                         "reply_timeout_ms?"},
    [POLL_WRONG_REPLY] = {"wrong_reply", TM_REASON_GARBLED,
                          "it answered something else: is it slower than reply_timeout_ms, is "
                          "there another client, have two units this number?"},
    [POLL_NOISE] = {"noise", TM_REASON_GARBLED,
                    "bytes came that are no frame: are speed and format right, is the line "
                    "terminated, has one unit only this number?"},
    [POLL_COLLISION] = {"collision", TM_REASON_GARBLED,
                        "our own frame came back changed: is there another client, are A and B "
                        "right, does the adapter echo what it sends (if not: \"echo\": false)?"},
    [POLL_NO_ECHO] = {"no_echo", TM_REASON_NO_ECHO,
                      "\"echo\" is true, but our own frame did not come back: set it to false, or "
                      "see to the adapter's receiver"},
    [POLL_BUSY] = {"busy", TM_REASON_BUSY,
                   "the line was never quiet, so nothing was sent: is there another client, a "
                   "unit that babbles, a line without bias resistors?"},
    [POLL_UNREACHED] = {"unreached", TM_REASON_TIMEOUT,
                        "a gateway on the way answered that it cannot reach the unit: is it on, is "
                        "this its number behind that gateway?"},
    [POLL_EXCEPTION] = {"exception", TM_REASON_EXCEPTION, "the unit refused"},
};
_Static_assert(COUNT_OF(FAILURES) == POLL_EXCEPTION + 1, "a name for every failure");

const char *poll_failure_name(enum poll_failure failure)
{
    ASSERT(failure <= POLL_EXCEPTION);
    return FAILURES[failure].name;
}

const char *poll_failure_hint(enum poll_failure failure)
{
    ASSERT(failure <= POLL_EXCEPTION);
    return FAILURES[failure].hint;
}

enum tm_reason poll_failure_reason(enum poll_failure failure)
{
    ASSERT(failure <= POLL_EXCEPTION);
    return FAILURES[failure].reason;
}
