// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1.1 request: parsed strictly, in bounded memory, without any I/O. What is not
// understood for certain is refused, so that no proxy in front can understand it differently.
#ifndef PORT_LINUX_HTTP_REQUEST_H
#define PORT_LINUX_HTTP_REQUEST_H

#include "base/bytes.h"

#include <stdbool.h>

enum {
    HTTP_HEAD_SIZE_MAX = 8192,
    HTTP_BODY_SIZE_DEFAULT = 16384,   // of a body, unless a server says otherwise
    HTTP_BODY_SIZE_MAX = 1024 * 1024, // what a server may say
    HTTP_PATH_SIZE_MAX = 1024,
    HTTP_SEGMENTS_MAX = 8,
    HTTP_TOKEN_SIZE_MAX = 128,
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OTHER,
};

// Spans point into the head given to http_parse or into `path_text`.
struct http_request {
    enum http_method method;
    char path_text[HTTP_PATH_SIZE_MAX];       // decoded segments, one after the other
    struct bytes segments[HTTP_SEGMENTS_MAX]; // "/api/sites" has two, "/" none
    unsigned segment_count;
    struct bytes query;   // after '?', still encoded
    struct bytes headers; // the checked lines behind the first, each ended by CR LF
    uint32_t content_length;
    bool is_json; // Content-Type: application/json
    bool takes_gzip;
    bool keep_alive;
    bool is_forwarded; // a proxy says that it asks for somebody else
};

// `head` is everything up to and including the empty line. 0, or the status to answer with before
// closing: 400, 413 (body above body_size_max), 414, 431, 501 (transfer coding), 505.
int http_parse(struct bytes head, uint32_t body_size_max, struct http_request *out);

// The value of a header, its name given in small letters, without the white space around it.
// Empty: absent, or there more than once, which nobody can understand for certain.
struct bytes http_header(const struct http_request *request, const char *name);
bool http_has_header(const struct http_request *request, const char *name);
// The value of the last one of that name; false: there is none.
bool http_last_header(const struct http_request *request, const char *name, struct bytes *value);
// The n-th header from 0; false behind the last.
bool http_header_at(const struct http_request *request, unsigned index, struct bytes *name,
                    struct bytes *value);
// The value of a cookie; empty: none of that name.
struct bytes http_cookie(const struct http_request *request, const char *name);

bool http_path_is(const struct http_request *request, unsigned index, const char *text);

// The decoded value of a query parameter into out[capacity], terminated. False: absent, twice,
// malformed or too long.
bool http_query(const struct http_request *request, const char *name, char *out, size_t capacity);
bool http_has_query(const struct http_request *request, const char *name);
// A decimal number without sign; false also when it is above max.
bool http_query_number(const struct http_request *request, const char *name, uint64_t max,
                       uint64_t *out);
bool decimal_of(struct bytes text, uint64_t max, uint64_t *out);

#endif
