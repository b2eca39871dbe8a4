// SPDX-License-Identifier: Apache-2.0
// Which request means what: one table of the paths of openapi.yaml, with the right that each needs.
// Without any I/O.
#ifndef HUB_REST_ROUTE_H
#define HUB_REST_ROUTE_H

#include "port/linux/http_request.h"

#include <stdint.h>

enum route {
    ROUTE_NONE,
    ROUTE_DEVICE_PUT,
    ROUTE_DEVICE_GET,
    ROUTE_DEVICE_DELETE,
    ROUTE_DEVICES_LIST,
    ROUTE_DEVICES_BULK,
    ROUTE_DEVICES_QUERY,
    ROUTE_TWIN_GET,
    ROUTE_TWIN_PATCH,
    ROUTE_TWIN_PUT,
    ROUTE_METHOD,
    ROUTE_STATISTICS_DEVICES,
    ROUTE_STATISTICS_SERVICE,
    ROUTE_C2D_SEND,
    ROUTE_C2D_PURGE,
    ROUTE_FEEDBACK_GET,
    ROUTE_FEEDBACK_DONE,
    // Of the provisioning service.
    ROUTE_ENROLMENT_PUT,
    ROUTE_ENROLMENT_GET,
    ROUTE_ENROLMENT_DELETE,
    ROUTE_ENROLMENT_SECRET,
    ROUTE_ENROLMENTS_BULK,
    ROUTE_ENROLMENTS_QUERY,
    ROUTE_GROUP_PUT,
    ROUTE_GROUP_GET,
    ROUTE_GROUP_DELETE,
    ROUTE_GROUP_SECRET,
    ROUTE_GROUPS_QUERY,
    ROUTE_REGISTRATION_GET,
    ROUTE_REGISTRATION_DELETE,
    ROUTE_REGISTRATIONS_QUERY,
};

struct routed {
    enum route route;
    bool is_dps;     // one of the provisioning service's
    bool is_known;   // the path exists, if not with this method
    uint32_t right;  // HUB_RIGHT_*
    struct bytes id; // what stands for {id} in the path; empty: none
};

void route_request(const struct http_request *request, struct routed *out);

// NULL, or what is wrong with the api-version of the request.
const char *route_version_fault(const struct http_request *request);

#endif
