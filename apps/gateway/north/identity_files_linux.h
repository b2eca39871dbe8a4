// SPDX-License-Identifier: Apache-2.0
// The files behind the identity: what the service assigned, the certificate pair in use and the
// next one. Blocking: a job on a thread of its own.
#ifndef GATEWAY_IDENTITY_FILES_LINUX_H
#define GATEWAY_IDENTITY_FILES_LINUX_H

#include "apps/gateway/north/assignment.h"
#include "apps/gateway/north/credentials_linux.h"
#include "port/linux/cells.h"

#include <stdbool.h>

enum { IDENTITY_PATH_MAX = CREDENTIAL_PATH_MAX + 8 };

struct identity_pair {
    char certificate[IDENTITY_PATH_MAX]; // empty: none
    char private_key[IDENTITY_PATH_MAX];
};

// The loop owns it while no job runs.
struct identity_files {
    struct linux_cells cells;
    const char *ca_file;       // a file or a hashed folder
    struct identity_pair pair; // in use
    bool may_have_next;        // not out of the credential store
    // What the job is to do:
    bool must_store, must_adopt, must_look;
    struct assignment assignment; // to be stored
    uint64_t adopt_version;       // what the hub accepted: nothing else is adopted
    // What it found:
    uint64_t next_version; // 0: no next pair
    struct identity_pair next;
    uint64_t authorities_version;
    bool has_device_end, has_authorities_end;
    int64_t device_end_s, authorities_end_s;
    const char *adopt_problem; // NULL: adopted
    enum err store_error;
};

// NULL: this certificate and key can be used, or the .next ones that an adoption left half done.
const char *identity_pair_problem(const char *certificate, const char *private_key);

// data_dir/identity is made if it is not there. certificate "" : none. Ends an adoption that was
// cut short. ERR_ARG, ERR_IO: logged.
NODISCARD enum err identity_files_open(struct identity_files *files, const char *data_dir,
                                       const char *certificate, const char *private_key);
void identity_files_close(struct identity_files *files);
// False: none, or one that cannot be used; logged.
bool identity_files_load(struct identity_files *files, struct assignment *out);
// The job.
void identity_files_run(void *ctx);

#endif
