// SPDX-License-Identifier: Apache-2.0
// Boundary: the body that a device registers with, and the operation it asks for. Input: a byte
// (bit 0: of a group, bit 1: by certificate, bit 2: asks for the status), then the body or the
// operation. Always one answer, JSON, with a status of Azure's.
#include "tests/fuzz/hub/backend_fuzz.h"

#include "base/assert.h"
#include "json/reader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct backend *b = backend_fuzz_begin();
    bool is_group = (data[0] & 1) != 0;
    struct session session = {.is_group = is_group, .is_x509 = (data[0] & 2) != 0};
    memcpy(session.id, is_group ? "b1" : "a", is_group ? 3 : 2);
    session.enrolment[0] = is_group ? 'g' : 'a';
    session.thumbprint.size = session.is_x509 ? THUMBPRINT_SHA256_SIZE : 0;
    bool is_status = (data[0] & 4) != 0;
    struct bytes body = bytes_of(data + 1, size - 1);
    struct az_topic topic = {.kind = is_status ? AZ_DPS_STATUS : AZ_DPS_REGISTER,
                             .operation_id = body};
    struct dps_request in = {
        .session = &session, .topic = &topic, .body = body, .utc_ms = backend_fuzz_now.utc_ms};
    struct dps_answer answer;
    dps_request(&b->dps, &in, &answer);
    struct json_reader r;
    json_reader_init(&r, answer.body, NULL);
    ASSERT(json_skip(&r) && json_end(&r));
    ASSERT(answer.status == 202 || answer.status == 400 || (is_status && answer.status == 404));
    if (answer.status == 202) {
        char operation[REGISTRATION_OPERATION_SIZE];
        memcpy(operation, b->dps.registration.operation_id, sizeof(operation));
        topic = (struct az_topic){.kind = AZ_DPS_STATUS,
                                  .operation_id = bytes_of(operation, strlen(operation))};
        dps_request(&b->dps, &in, &answer);
        ASSERT(answer.status == 200);
    }
    backend_fuzz_end(b);
    return 0;
}
