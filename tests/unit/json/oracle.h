// SPDX-License-Identifier: Apache-2.0
// jansson as a judge, in a file of its own since its header uses names that ours uses too.
#ifndef TEST_JSON_ORACLE_H
#define TEST_JSON_ORACLE_H

#include "base/bytes.h"

#include <stdio.h>

// Writes what jansson read, as one trace: `{ "key" [ 1.5 null ] }`. False: refused.
bool oracle_trace(struct bytes text, FILE *out);
bool oracle_accepts(struct bytes text);

#endif
