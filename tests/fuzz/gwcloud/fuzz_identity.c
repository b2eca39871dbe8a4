// SPDX-License-Identifier: Apache-2.0
// Boundary: what a person or another program put into the key file (first byte even) or the file of
// the assignment (odd). Whatever it is, it is refused with words, or it is whole: then it can be
// used, and what we write of it reads back as the same.
#include "apps/gateway/north/assignment.h"
#include "apps/gateway/north/sas.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_key(struct bytes text)
{
    struct sas_identity id;
    const char *problem = NULL;
    if (sas_identity_parse(text, &id, &problem) != OK) {
        ASSERT(problem != NULL && problem[0] != 0);
        return;
    }
    ASSERT(id.key.size >= SAS_KEY_SIZE_MIN && id.key.size <= SAS_KEY_SIZE_MAX);
    ASSERT(memchr(id.host, 0, sizeof(id.host)) != NULL);
    ASSERT(memchr(id.device, 0, sizeof(id.device)) != NULL);
    char base64[SAS_KEY_TEXT_SIZE_MAX];
    struct sas_identity again;
    sas_key_text(&id.key, base64);
    enum err err = sas_identity_parse(bytes_of(base64, strlen(base64)), &again, &problem);
    ASSERT(err == OK && again.key.size == id.key.size &&
           memcmp(again.key.data, id.key.data, id.key.size) == 0);
}

static void try_assignment(struct bytes text)
{
    struct assignment found = {.host = ""};
    if (assignment_parse(text, &found) != OK) {
        ASSERT(found.host[0] == 0); // untouched
        return;
    }
    ASSERT(found.host[0] != 0 && found.device[0] != 0);
    char written[ASSIGNMENT_SIZE_MAX];
    struct assignment again;
    size_t size = assignment_write(&found, written);
    enum err err = assignment_parse(bytes_of(written, size), &again);
    ASSERT(err == OK && strcmp(again.host, found.host) == 0 &&
           strcmp(again.device, found.device) == 0 && strcmp(again.id_scope, found.id_scope) == 0 &&
           strcmp(again.registration_id, found.registration_id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        try_key(bytes_of(data + 1, size - 1));
    } else {
        try_assignment(bytes_of(data + 1, size - 1));
    }
    return 0;
}
