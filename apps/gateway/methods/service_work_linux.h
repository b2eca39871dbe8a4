// SPDX-License-Identifier: Apache-2.0
// What the files of the service share.
#ifndef GATEWAY_SERVICE_WORK_LINUX_H
#define GATEWAY_SERVICE_WORK_LINUX_H

#include "apps/gateway/methods/service_linux.h"

// service_work_linux.c: a method that needs more than its machine; ends in methods_worked().
void service_work(struct service *service, uint64_t now_us, const struct methods_out *out);
// The flight record's copy is wanted no more: until the next one the system may have its memory.
void service_lend_copy(struct service *service);

#endif
