// SPDX-License-Identifier: Apache-2.0
// The file of a judge's report: whoever reads it finds the one before or the new one, whole.
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdio.h>

#include "base/err.h"

// To write to; path NULL: standard output. NULL: it cannot be written, errno says why.
FILE *report_begin(const char *path);
// Takes what report_begin gave, with the same path. ERR_IO: the report before stays.
NODISCARD enum err report_end(FILE *out, const char *path);

#endif
