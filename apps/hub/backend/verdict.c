// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/verdict.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    enum hub_code code;
    const char *name;
} names[] = {
    {HUB_DONE, "Success"},
    {HUB_ARGUMENT_INVALID, "ArgumentInvalid"},
    {HUB_ARGUMENT_NULL, "ArgumentNull"},
    {HUB_FORMAT_ERROR, "IotHubFormatError"},
    {HUB_BULK_FAILED, "BulkRegistryOperationFailure"},
    {HUB_UNAUTHORIZED, "IotHubUnauthorizedAccess"},
    {HUB_FORBIDDEN, "Forbidden"},
    {HUB_QUOTA_EXCEEDED, "IotHubQuotaExceeded"},
    {HUB_QUEUE_FULL, "DeviceMaximumQueueDepthExceeded"},
    {HUB_TOO_MANY_CALLS, "MethodConcurrencyExceeded"},
    {HUB_DEVICE_NOT_FOUND, "DeviceNotFound"},
    {HUB_NOT_FOUND, "NotFound"},
    {HUB_DEVICE_NOT_ONLINE, "DeviceNotOnline"},
    {HUB_DEVICE_EXISTS, "DeviceAlreadyExists"},
    {HUB_CONFLICT, "Conflict"},
    {HUB_PRECONDITION_FAILED, "PreconditionFailed"},
    {HUB_TOO_LARGE, "MessageTooLarge"},
    {HUB_TOO_MANY_DEVICES, "TooManyDevices"},
    {HUB_THROTTLED, "ThrottlingException"},
    {HUB_SERVER_ERROR, "ServerError"},
    {HUB_UNAVAILABLE, "ServiceUnavailable"},
    {HUB_GATEWAY_TIMEOUT, "GatewayTimeout"},
};

bool refuse(struct verdict *verdict, enum hub_code code, const char *format, ...)
{
    ASSERT(code != HUB_DONE);
    verdict->code = code;
    verdict->retry_s = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->message, sizeof(verdict->message), format, arguments);
    va_end(arguments);
    return false;
}

bool fail(struct verdict *verdict, enum err err)
{
    ASSERT(err != OK);
    if (err == ERR_FULL || err == ERR_BUSY) {
        return refuse(verdict, HUB_UNAVAILABLE, "the hub cannot store now (%s), try again",
                      err_name(err));
    }
    return refuse(verdict, HUB_SERVER_ERROR, "the hub's store failed (%s)", err_name(err));
}

bool grant(struct verdict *verdict)
{
    verdict->code = HUB_DONE;
    verdict->message[0] = '\0';
    verdict->retry_s = 0;
    return true;
}

int hub_code_status(enum hub_code code)
{
    return code == HUB_DONE ? 200 : (int)code / 1000;
}

const char *hub_code_name(enum hub_code code)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i].code == code) {
            return names[i].name;
        }
    }
    return "ServerError";
}
