// SPDX-License-Identifier: Apache-2.0
// What a check of a configuration found, as the twin reports it.
#ifndef GATEWAY_REMOTE_FINDINGS_H
#define GATEWAY_REMOTE_FINDINGS_H

#include "apps/gateway/config/report.h"
#include "base/bytes.h"

enum { REMOTE_FINDINGS_SIZE = 3072, REMOTE_FINDINGS_MAX = 8 };

// A JSON array of the first few errors or warnings: {"file" (if not the twin), "path", "message"}.
struct bytes remote_findings(const struct config_report *report, bool is_warning,
                             char out[REMOTE_FINDINGS_SIZE]);

#endif
