// SPDX-License-Identifier: Apache-2.0
// The section of the desired properties that is the configuration, and its name by content.
#ifndef GATEWAY_REMOTE_TEXT_H
#define GATEWAY_REMOTE_TEXT_H

#include "base/bytes.h"
#include "base/err.h"

// The member `key` of a JSON object as it stands in the text; "{}" if there is none or it is null.
// ERR_CORRUPT: the document is no JSON object.
NODISCARD enum err remote_section(struct bytes document, const char *key, struct bytes *out);

// A name by content: the same for the same values in any order of keys and with any white space,
// as a hub may write them anew. Never 0. ERR_CORRUPT: no JSON.
NODISCARD enum err remote_hash(struct bytes text, uint64_t *out);

#endif
