// SPDX-License-Identifier: Apache-2.0
// JSON merge patches (RFC 7396) from text to text: members of objects merge, null removes, all else
// replaces. No memory but the output's; a member is looked for by reading on, so the time grows
// with the members of both.
#ifndef JSON_MERGE_H
#define JSON_MERGE_H

#include "base/err.h"
#include "json/writer.h"

enum { JSON_MERGE_KEY_SIZE_MAX = 1024, JSON_MERGE_DEPTH_MAX = 16 };

// What `patch` makes of `base`, appended to `out`. ERR_CORRUPT: one of them is no JSON, is nested
// deeper than JSON_MERGE_DEPTH_MAX or has a key that is longer than JSON_MERGE_KEY_SIZE_MAX or
// holds a NUL; ERR_SIZE: it does not fit. The output is in doubt after a failure.
NODISCARD enum err json_merge(struct bytes base, struct bytes patch, struct json_writer *out);

// One patch that does what `first` and then `second` do: nulls are kept. Errors as above. Where
// `first` puts something else in an object's place and `second` an object again, no patch can say
// so, and the old object's other members stay.
NODISCARD enum err json_merge_patches(struct bytes first, struct bytes second,
                                      struct json_writer *out);

#endif
