// SPDX-License-Identifier: Apache-2.0
// The words behind an HTTP status.
#ifndef PORT_LINUX_HTTP_REASON_H
#define PORT_LINUX_HTTP_REASON_H

#include <stddef.h>

// "Unknown" for one that we never send.
const char *http_reason(int status);

// {"error":{"code","message"}} for it into out; the size. words: for people, without quotes.
size_t http_plain_error(int status, const char *words, char *out, size_t capacity);

#endif
