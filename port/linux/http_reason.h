// SPDX-License-Identifier: Apache-2.0
// The words behind an HTTP status.
#ifndef PORT_LINUX_HTTP_REASON_H
#define PORT_LINUX_HTTP_REASON_H

// "Unknown" for one that we never send.
const char *http_reason(int status);

#endif
