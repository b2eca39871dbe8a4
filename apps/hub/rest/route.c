// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/route.h"

#include "apps/hub/directory/schema.h"
#include "base/assert.h"

#include <string.h>

static const struct {
    enum http_method method;
    const char *path; // "*" is {id}; letters in any case, as one of the SDKs needs
    enum route route;
    uint32_t right;
    bool is_dps;
} table[] = {
    {HTTP_POST, "devices/query", ROUTE_DEVICES_QUERY, HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_GET, "devices", ROUTE_DEVICES_LIST, HUB_RIGHT_REGISTRY_READ, false},
    {HTTP_POST, "devices", ROUTE_DEVICES_BULK, HUB_RIGHT_REGISTRY_WRITE, false},
    {HTTP_PUT, "devices/*", ROUTE_DEVICE_PUT, HUB_RIGHT_REGISTRY_WRITE, false},
    {HTTP_GET, "devices/*", ROUTE_DEVICE_GET, HUB_RIGHT_REGISTRY_READ, false},
    {HTTP_DELETE, "devices/*", ROUTE_DEVICE_DELETE, HUB_RIGHT_REGISTRY_WRITE, false},
    {HTTP_GET, "twins/*", ROUTE_TWIN_GET, HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_PATCH, "twins/*", ROUTE_TWIN_PATCH, HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_PUT, "twins/*", ROUTE_TWIN_PUT, HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_POST, "twins/*/methods", ROUTE_METHOD, HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_GET, "statistics/devices", ROUTE_STATISTICS_DEVICES, HUB_RIGHT_REGISTRY_READ, false},
    {HTTP_GET, "statistics/service", ROUTE_STATISTICS_SERVICE, HUB_RIGHT_REGISTRY_READ, false},
    {HTTP_POST, "devices/*/messages/devicebound", ROUTE_C2D_SEND, HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_DELETE, "devices/*/commands", ROUTE_C2D_PURGE, HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_GET, "messages/serviceBound/feedback", ROUTE_FEEDBACK_GET, HUB_RIGHT_SERVICE_CONNECT,
     false},
    {HTTP_DELETE, "messages/serviceBound/feedback/*", ROUTE_FEEDBACK_DONE,
     HUB_RIGHT_SERVICE_CONNECT, false},
    {HTTP_POST, "enrollments/query", ROUTE_ENROLMENTS_QUERY, HUB_RIGHT_ENROLMENT_READ, true},
    {HTTP_POST, "enrollments", ROUTE_ENROLMENTS_BULK, HUB_RIGHT_ENROLMENT_WRITE, true},
    {HTTP_PUT, "enrollments/*", ROUTE_ENROLMENT_PUT, HUB_RIGHT_ENROLMENT_WRITE, true},
    {HTTP_GET, "enrollments/*", ROUTE_ENROLMENT_GET, HUB_RIGHT_ENROLMENT_READ, true},
    {HTTP_DELETE, "enrollments/*", ROUTE_ENROLMENT_DELETE, HUB_RIGHT_ENROLMENT_WRITE, true},
    // It shows keys, and who knows a group's can make devices: that takes the right to write.
    {HTTP_POST, "enrollments/*/attestationmechanism", ROUTE_ENROLMENT_SECRET,
     HUB_RIGHT_ENROLMENT_WRITE, true},
    {HTTP_POST, "enrollmentGroups/query", ROUTE_GROUPS_QUERY, HUB_RIGHT_ENROLMENT_READ, true},
    {HTTP_PUT, "enrollmentGroups/*", ROUTE_GROUP_PUT, HUB_RIGHT_ENROLMENT_WRITE, true},
    {HTTP_GET, "enrollmentGroups/*", ROUTE_GROUP_GET, HUB_RIGHT_ENROLMENT_READ, true},
    {HTTP_DELETE, "enrollmentGroups/*", ROUTE_GROUP_DELETE, HUB_RIGHT_ENROLMENT_WRITE, true},
    {HTTP_POST, "enrollmentGroups/*/attestationmechanism", ROUTE_GROUP_SECRET,
     HUB_RIGHT_ENROLMENT_WRITE, true},
    {HTTP_GET, "registrations/*", ROUTE_REGISTRATION_GET, HUB_RIGHT_REGISTRATION_READ, true},
    {HTTP_DELETE, "registrations/*", ROUTE_REGISTRATION_DELETE, HUB_RIGHT_REGISTRATION_WRITE, true},
    {HTTP_POST, "registrations/*/query", ROUTE_REGISTRATIONS_QUERY, HUB_RIGHT_REGISTRATION_READ,
     true},
};

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool is_same(struct bytes a, const char *b, size_t size)
{
    bool same = a.size == size;
    for (size_t i = 0; same && i < size; i++) {
        same = lower(a.data[i]) == lower((unsigned char)b[i]);
    }
    return same;
}

static bool matches(const char *path, const struct http_request *request, struct bytes *id)
{
    unsigned index = 0;
    *id = bytes_of(NULL, 0);
    while (*path != '\0') {
        const size_t size = strcspn(path, "/");
        if (index >= request->segment_count) {
            return false;
        }
        const struct bytes segment = request->segments[index++];
        if (size == 1 && path[0] == '*') {
            *id = segment;
        } else if (!is_same(segment, path, size)) {
            return false;
        }
        path += size + (path[size] == '/' ? 1 : 0);
    }
    return index == request->segment_count;
}

void route_request(const struct http_request *request, struct routed *out)
{
    *out = (struct routed){.route = ROUTE_NONE};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct bytes id;
        if (!matches(table[i].path, request, &id)) {
            continue;
        }
        out->is_known = true;
        out->is_dps = table[i].is_dps;
        if (table[i].method == request->method) {
            out->route = table[i].route;
            out->right = table[i].right;
            out->id = id;
            return;
        }
    }
}

const char *route_version_fault(const struct http_request *request)
{
    static const char shape[] = "dddd-dd-dd";
    char version[32];
    if (!http_query(request, "api-version", version, sizeof(version))) {
        return "the query parameter api-version is needed, such as api-version=2021-04-12";
    }
    const size_t size = strlen(version);
    bool is_good = size == 10 || (size > 10 && strcmp(version + 10, "-preview") == 0);
    for (size_t i = 0; is_good && i < 10; i++) {
        const bool is_digit = version[i] >= '0' && version[i] <= '9';
        is_good = shape[i] == 'd' ? is_digit : version[i] == '-';
    }
    return is_good ? NULL : "api-version is a date, such as 2021-04-12";
}
