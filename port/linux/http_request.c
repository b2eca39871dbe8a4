// SPDX-License-Identifier: Apache-2.0
#include "port/linux/http_request.h"

#include "base/text_forms.h"

#include <string.h>

static struct bytes cut(struct bytes in, size_t from, size_t to)
{
    return bytes_of(in.data + from, to - from);
}

static bool is_text(struct bytes in, const char *text)
{
    return in.size == strlen(text) && memcmp(in.data, text, in.size) == 0;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_name(struct bytes in, const char *name)
{
    if (in.size != strlen(name)) {
        return false;
    }
    for (size_t i = 0; i < in.size; i++) {
        if (lower(in.data[i]) != (uint8_t)name[i]) {
            return false;
        }
    }
    return true;
}

static bool has_word(struct bytes in, const char *word)
{
    const size_t size = strlen(word);
    for (size_t i = 0; i + size <= in.size; i++) {
        if (is_name(cut(in, i, i + size), word)) {
            return true;
        }
    }
    return false;
}

// Decodes %XX; control bytes are refused. Returns the size or -1.
static int decode(struct bytes in, bool plus_is_space, char *out, size_t capacity)
{
    size_t size = 0;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (c == '%') {
            const int high = i + 2 < in.size ? hex_value(in.data[i + 1]) : -1;
            const int low = i + 2 < in.size ? hex_value(in.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -1;
            }
            c = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f || size == capacity) {
            return -1;
        }
        out[size++] = (char)c;
    }
    return (int)size;
}

static int parse_path(struct bytes path, struct http_request *out)
{
    if (path.size == 0 || path.data[0] != '/') {
        return 400;
    }
    size_t used = 0;
    size_t at = 1;
    while (at < path.size) {
        size_t end = at;
        while (end < path.size && path.data[end] != '/') {
            end++;
        }
        if (out->segment_count == HTTP_SEGMENTS_MAX) {
            return 414;
        }
        char *text = out->path_text + used;
        const int size = decode(cut(path, at, end), false, text, sizeof(out->path_text) - used);
        if (size <= 0 || memchr(text, '/', (size_t)size) != NULL ||
            (text[0] == '.' && (size == 1 || (size == 2 && text[1] == '.')))) {
            return 400;
        }
        out->segments[out->segment_count++] = bytes_of(text, (size_t)size);
        used += (size_t)size;
        at = end + 1;
    }
    return 0;
}

static int parse_line(struct bytes line, struct http_request *out)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD},   {"POST", HTTP_POST},
                   {"PUT", HTTP_PUT}, {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}};
    const uint8_t *first = memchr(line.data, ' ', line.size);
    if (first == NULL || first == line.data) {
        return 400;
    }
    const size_t method_size = (size_t)(first - line.data);
    const uint8_t *second = memchr(first + 1, ' ', line.size - method_size - 1);
    if (second == NULL) {
        return 400;
    }
    const struct bytes version = cut(line, (size_t)(second - line.data) + 1, line.size);
    if (!is_text(version, "HTTP/1.1") && !is_text(version, "HTTP/1.0")) {
        return version.size == 8 && memcmp(version.data, "HTTP/", 5) == 0 ? 505 : 400;
    }
    out->keep_alive = is_text(version, "HTTP/1.1");
    out->method = HTTP_OTHER;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (is_text(cut(line, 0, method_size), methods[i].name)) {
            out->method = methods[i].method;
        }
    }
    struct bytes target = cut(line, method_size + 1, (size_t)(second - line.data));
    if (target.size > HTTP_PATH_SIZE_MAX) {
        return 414;
    }
    const uint8_t *mark = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    const size_t path_size = mark != NULL ? (size_t)(mark - target.data) : target.size;
    out->query = mark != NULL ? cut(target, path_size + 1, target.size) : bytes_of(NULL, 0);
    return parse_path(cut(target, 0, path_size), out);
}

static struct bytes trimmed(struct bytes in)
{
    while (in.size > 0 && (in.data[0] == ' ' || in.data[0] == '\t')) {
        in = cut(in, 1, in.size);
    }
    while (in.size > 0 && (in.data[in.size - 1] == ' ' || in.data[in.size - 1] == '\t')) {
        in.size--;
    }
    return in;
}

static struct bytes cookie_in(struct bytes in, const char *name)
{
    struct bytes found = {.data = NULL};
    const size_t name_size = strlen(name);
    while (in.size > 0) {
        const uint8_t *semicolon = memchr(in.data, ';', in.size);
        const size_t size = semicolon != NULL ? (size_t)(semicolon - in.data) : in.size;
        const struct bytes pair = trimmed(cut(in, 0, size));
        if (pair.size > name_size && memcmp(pair.data, name, name_size) == 0 &&
            pair.data[name_size] == '=') {
            found = cut(pair, name_size + 1, pair.size);
        }
        in = semicolon != NULL ? cut(in, size + 1, in.size) : bytes_of(NULL, 0);
    }
    return found;
}

bool decimal_of(struct bytes text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 20) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t c = text.data[i];
        if (c < '0' || c > '9' || value > (UINT64_MAX - (uint64_t)(c - '0')) / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(c - '0');
    }
    if (value > max) {
        return false;
    }
    *out = value;
    return true;
}

// What one header means; *has_length guards against two lengths.
static int take_header(struct bytes name, struct bytes value, bool *has_length,
                       struct http_request *out)
{
    if (is_name(name, "content-length")) {
        uint64_t length = 0;
        if (*has_length || !decimal_of(value, UINT32_MAX, &length)) {
            return 400;
        }
        *has_length = true;
        out->content_length = (uint32_t)length;
        return 0;
    }
    if (is_name(name, "transfer-encoding")) {
        return 501;
    }
    if (is_name(name, "accept-encoding")) {
        out->takes_gzip = has_word(value, "gzip");
    } else if (is_name(name, "content-type")) {
        const uint8_t *semicolon = value.size > 0 ? memchr(value.data, ';', value.size) : NULL;
        const size_t size = semicolon != NULL ? (size_t)(semicolon - value.data) : value.size;
        out->is_json = is_name(trimmed(cut(value, 0, size)), "application/json");
    } else if (is_name(name, "forwarded") || is_name(name, "x-forwarded-for")) {
        out->is_forwarded = true;
    } else if (is_name(name, "connection") && has_word(value, "close")) {
        out->keep_alive = false;
    }
    return 0;
}

static int parse_header(struct bytes line, bool *has_length, struct http_request *out)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    const size_t name_size = colon != NULL ? (size_t)(colon - line.data) : 0;
    if (name_size == 0) {
        return 400;
    }
    for (size_t i = 0; i < line.size; i++) {
        const uint8_t c = line.data[i];
        const bool is_wrong = i < name_size ? c <= ' ' || c >= 0x7f : (c < 0x20 && c != '\t');
        if (is_wrong || c == 0x7f) {
            return 400;
        }
    }
    return take_header(cut(line, 0, name_size), trimmed(cut(line, name_size + 1, line.size)),
                       has_length, out);
}

int http_parse(struct bytes head, uint32_t body_size_max, struct http_request *out)
{
    *out = (struct http_request){.method = HTTP_OTHER};
    if (head.size > HTTP_HEAD_SIZE_MAX) {
        return 431;
    }
    bool has_length = false;
    bool is_first = true;
    size_t at = 0;
    size_t headers_at = 0;
    while (at < head.size) {
        const uint8_t *feed = memchr(head.data + at, '\n', head.size - at);
        const size_t end = feed != NULL ? (size_t)(feed - head.data) : 0;
        if (feed == NULL || end == at || head.data[end - 1] != '\r') {
            return 400;
        }
        const struct bytes line = cut(head, at, end - 1);
        at = end + 1;
        if (line.size == 0) {
            out->headers = cut(head, headers_at, at - 2);
            const int status = is_first || at != head.size           ? 400
                               : out->content_length > body_size_max ? 413
                                                                     : 0;
            out->keep_alive = out->keep_alive && status == 0;
            return status;
        }
        const int status = is_first ? parse_line(line, out) : parse_header(line, &has_length, out);
        if (status != 0) {
            out->keep_alive = false;
            return status;
        }
        headers_at = is_first ? at : headers_at;
        is_first = false;
    }
    return 400;
}

bool http_header_at(const struct http_request *request, unsigned index, struct bytes *name,
                    struct bytes *value)
{
    struct bytes rest = request->headers;
    for (unsigned i = 0; rest.size > 0; i++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        const size_t size = (size_t)(end - rest.data);
        if (i == index) {
            const struct bytes line = cut(rest, 0, size - 1);
            const uint8_t *colon = memchr(line.data, ':', line.size);
            const size_t name_size = (size_t)(colon - line.data);
            *name = cut(line, 0, name_size);
            *value = trimmed(cut(line, name_size + 1, line.size));
            return true;
        }
        rest = cut(rest, size + 1, rest.size);
    }
    return false;
}

static unsigned find_header(const struct http_request *request, const char *wanted,
                            struct bytes *out)
{
    struct bytes name;
    struct bytes value;
    unsigned count = 0;
    for (unsigned i = 0; http_header_at(request, i, &name, &value); i++) {
        if (is_name(name, wanted)) {
            *out = value;
            count++;
        }
    }
    return count;
}

struct bytes http_header(const struct http_request *request, const char *name)
{
    struct bytes value = {.data = NULL};
    return find_header(request, name, &value) == 1 ? value : bytes_of(NULL, 0);
}

bool http_has_header(const struct http_request *request, const char *name)
{
    struct bytes value;
    return find_header(request, name, &value) > 0;
}

bool http_last_header(const struct http_request *request, const char *name, struct bytes *value)
{
    return find_header(request, name, value) > 0;
}

struct bytes http_cookie(const struct http_request *request, const char *wanted)
{
    struct bytes name;
    struct bytes value;
    struct bytes found = {.data = NULL};
    for (unsigned i = 0; http_header_at(request, i, &name, &value); i++) {
        const struct bytes cookie =
            is_name(name, "cookie") ? cookie_in(value, wanted) : bytes_of(NULL, 0);
        found = cookie.data != NULL ? cookie : found;
    }
    return found;
}

bool http_path_is(const struct http_request *request, unsigned index, const char *text)
{
    return index < request->segment_count && is_text(request->segments[index], text);
}

// Finds `name=value`; the value still encoded. *count says how often it is there.
static struct bytes find(const struct http_request *request, const char *name, unsigned *count)
{
    struct bytes rest = request->query;
    struct bytes found = {.data = NULL};
    const size_t name_size = strlen(name);
    *count = 0;
    while (rest.size > 0) {
        const uint8_t *and = memchr(rest.data, '&', rest.size);
        const size_t size = and != NULL ? (size_t)(and-rest.data) : rest.size;
        if (size > name_size && memcmp(rest.data, name, name_size) == 0 &&
            rest.data[name_size] == '=') {
            found = cut(rest, name_size + 1, size);
            (*count)++;
        }
        rest = and != NULL ? cut(rest, size + 1, rest.size) : bytes_of(NULL, 0);
    }
    return found;
}

bool http_has_query(const struct http_request *request, const char *name)
{
    unsigned count = 0;
    (void)find(request, name, &count);
    return count > 0;
}

bool http_query(const struct http_request *request, const char *name, char *out, size_t capacity)
{
    unsigned count = 0;
    const struct bytes value = find(request, name, &count);
    const int size = count == 1 ? decode(value, true, out, capacity - 1) : -1;
    out[size > 0 ? size : 0] = '\0';
    return size >= 0;
}

bool http_query_number(const struct http_request *request, const char *name, uint64_t max,
                       uint64_t *out)
{
    char text[24];
    return http_query(request, name, text, sizeof(text)) &&
           decimal_of(bytes_of(text, strlen(text)), max, out);
}
