// SPDX-License-Identifier: Apache-2.0
// Private to the codec: is this well-formed reply an answer to that request?
#ifndef MB_PDU_MATCH_H
#define MB_PDU_MATCH_H

#include "modbus/pdu.h"

bool mb_reply_matches(const struct mb_reply *reply, const struct mb_request *request);

#endif
