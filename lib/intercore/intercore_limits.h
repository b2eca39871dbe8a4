// SPDX-License-Identifier: Apache-2.0
// Capacities of the messages between a real-time core and the gateway.
#ifndef INTERCORE_INTERCORE_LIMITS_H
#define INTERCORE_INTERCORE_LIMITS_H

#define IC_VERSION     1
#define IC_MESSAGE_MAX 1024 // bytes
#define IC_HEAD_SIZE   16
#define IC_FRAME_MAX   256 // bytes of one frame on the line
#define IC_TEXT_MAX    32  // bytes of the firmware's version text
#define IC_FILE_MAX    16  // bytes of a source file's name in a crash record
#define IC_REGISTERS   8   // in a crash record
#define IC_QUEUE_MAX   16  // SENDs that one core may let in
#define IC_OUTCOMES    9
#define IC_HOLD_STEPS  16 // of the histogram of DE holds
#define IC_LOG_SIZE    16 // bytes of one record
#define IC_LOG_MAX     16 // records in one message

// The longest message of a core: DONE with a full reply, so that a core needs no larger buffer.
#define IC_CORE_MESSAGE_MAX (IC_HEAD_SIZE + 46 + IC_FRAME_MAX)
_Static_assert(IC_CORE_MESSAGE_MAX >= IC_HEAD_SIZE + 8 + IC_LOG_MAX * IC_LOG_SIZE, "LOG fits");
_Static_assert(IC_CORE_MESSAGE_MAX <= IC_MESSAGE_MAX, "and a mailbox takes it");

#endif
