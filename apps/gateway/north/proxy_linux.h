// SPDX-License-Identifier: Apache-2.0
// A proxy's address and login, as the configuration names them.
#ifndef GATEWAY_PROXY_LINUX_H
#define GATEWAY_PROXY_LINUX_H

#include "port/linux/proxy.h"

// login_file NULL or "": no login. ERR_ARG and others: logged.
NODISCARD enum err proxy_read(const char *address, const char *login_file, struct proxy *out);

#endif
