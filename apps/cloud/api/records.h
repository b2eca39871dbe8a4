// SPDX-License-Identifier: Apache-2.0
// Flight records that came in parts: which there are, and one of them as a file. The first halves
// run on the commands' worker, the second ones on the loop.
#ifndef CLOUD_API_RECORDS_H
#define CLOUD_API_RECORDS_H

#include "apps/cloud/api/gateway_job.h"

// GATEWAY_RECORDS: job->body is then the answer.
void records_list(struct gateway_job *job);
// GATEWAY_RECORD: who reads which one is written down first, as any command is.
void records_read(struct gateway_job *job);
void records_answer(struct gateway_job *job);

#endif
