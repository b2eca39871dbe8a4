// SPDX-License-Identifier: Apache-2.0
// What the reader's two files share.
#ifndef JSON_VALUES_H
#define JSON_VALUES_H

#include "json/reader.h"

// One scalar of exactly this type; any other is skipped with the complaint "expected <wanted>".
bool json_take_scalar(struct json_reader *r, enum json_type type, const char *wanted,
                      struct json_text *out);
// Complaint about a value that was consumed already, from up to four pieces of text.
bool json_complain_pieces(struct json_reader *r, enum json_code code, size_t offset,
                          const struct bytes *pieces, size_t count);

#endif
