// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/user_name.h"

#include "apps/hub/log_record.h"

#include <string.h>

const char *hub_id_fault(struct bytes id)
{
    static const char others[] = "-.%_*?!(),:=@$'";
    if (id.size == 0) {
        return "empty id";
    }
    if (id.size > HUB_ID_SIZE_MAX) {
        return "id longer than 128 characters";
    }
    for (size_t i = 0; i < id.size; i++) {
        uint8_t c = id.data[i];
        if (c == '+' || c == '#') {
            return "ids with + or # cannot be used over MQTT";
        }
        bool is_alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alphanumeric && (c == '\0' || strchr(others, c) == NULL)) {
            return "id with a character outside A-Z a-z 0-9 - . % _ * ? ! ( ) , : = @ $ '";
        }
    }
    return NULL;
}

// Up to the next slash, which is consumed too.
static struct bytes take_segment(struct bytes *rest)
{
    const uint8_t *slash = rest->size > 0 ? memchr(rest->data, '/', rest->size) : NULL;
    size_t size = slash != NULL ? (size_t)(slash - rest->data) : rest->size;
    struct bytes segment = bytes_of(rest->data, size);
    size_t used = slash != NULL ? size + 1 : size;
    *rest = bytes_of(rest->data + used, rest->size - used);
    return segment;
}

static bool begins(struct bytes text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

static bool take_query(struct bytes rest, struct bytes *query)
{
    if (rest.size > 0 && rest.data[0] == '?') {
        *query = bytes_of(rest.data + 1, rest.size - 1);
        return true;
    }
    if (begins(rest, "api-version=")) {
        *query = rest;
        return true;
    }
    return rest.size == 0;
}

enum err hub_user_name_parse(struct bytes in, struct hub_user_name *out, const char **why)
{
    struct hub_user_name name = {0};
    struct bytes rest = in;
    name.host = take_segment(&rest);
    if (name.host.size == 0) {
        *why = "user name is not host/device/?api-version=...";
        return ERR_ARG;
    }
    name.device_id = take_segment(&rest);
    const char *fault = hub_id_fault(name.device_id);
    if (fault == NULL && !take_query(rest, &name.query)) {
        name.module_id = take_segment(&rest);
        fault = hub_id_fault(name.module_id);
        if (fault == NULL && !take_query(rest, &name.query)) {
            fault = "user name is not host/device/?api-version=...";
        }
    }
    if (fault != NULL) {
        *why = fault;
        return ERR_ARG;
    }
    *out = name;
    return OK;
}

const char *hub_registration_id_fault(struct bytes id)
{
    if (id.size == 0 || id.size > HUB_ID_SIZE_MAX) {
        return "registration id is empty or longer than 128 characters";
    }
    for (size_t i = 0; i < id.size; i++) {
        uint8_t c = id.data[i];
        bool is_alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alphanumeric && (c == '\0' || strchr("-._:", c) == NULL)) {
            return "registration id with a character outside A-Z a-z 0-9 - . _ :";
        }
    }
    return NULL;
}

enum err hub_dps_user_name_parse(struct bytes in, struct hub_dps_user_name *out, const char **why)
{
    static const char form[] = "user name is not scope/registrations/id/api-version=...";
    struct hub_dps_user_name name = {0};
    struct bytes rest = in;
    name.scope = take_segment(&rest);
    struct bytes word = take_segment(&rest);
    name.registration_id = take_segment(&rest);
    if (name.scope.size == 0 || !bytes_equal(word, bytes_of("registrations", 13)) ||
        !take_query(rest, &name.query) || name.query.size == 0) {
        *why = form;
        return ERR_ARG;
    }
    const char *fault = hub_registration_id_fault(name.registration_id);
    if (fault != NULL) {
        *why = fault;
        return ERR_ARG;
    }
    *out = name;
    return OK;
}
