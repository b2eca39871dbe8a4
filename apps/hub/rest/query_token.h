// SPDX-License-Identifier: Apache-2.0
// The words and signs of the query language.
#ifndef HUB_REST_QUERY_TOKEN_H
#define HUB_REST_QUERY_TOKEN_H

#include "base/bytes.h"

enum query_token_kind {
    QUERY_TOKEN_END,
    QUERY_TOKEN_WORD, // a keyword, or a path with its points
    QUERY_TOKEN_TEXT,
    QUERY_TOKEN_OPEN, // a text that is never closed
    QUERY_TOKEN_NUMBER,
    QUERY_TOKEN_SIGN,
};

// The first token of `rest`: how much white space stands before it, and its text, of a TEXT the
// inside of its quotes (in which each backslash is followed by something).
enum query_token_kind query_token(struct bytes rest, size_t *before, struct bytes *text);

#endif
