// SPDX-License-Identifier: Apache-2.0
// What the files of `busward enroll` share.
#ifndef CLI_ENROLL_H
#define CLI_ENROLL_H

#include "apps/gateway/config/config.h"
#include "apps/gateway/north/assignment.h"

#include <stdbool.h>

enum { ENROLL_PATH_MAX = 1024 };

struct enroll_options {
    const char *config, *profiles;
    const char *id_scope, *registration_id, *dps_host, *dps_address, *payload;
    const char *hub, *address, *device_id, *ca_file;
    const char *group_key_file, *key_file, *connection_string_file;
    const char *certificate_file, *private_key_file;
    uint64_t dps_port, port;
    bool new_key, dry_run;
};

struct enroll {
    struct enroll_options options;
    struct config config; // of the box
    struct arena arena;
    char folder[ENROLL_PATH_MAX]; // data_dir/identity
    char ca_file[ENROLL_PATH_MAX];
    char certificate[ENROLL_PATH_MAX], private_key[ENROLL_PATH_MAX]; // absolute; "": none
    bool has_key;
    struct sas_identity key; // ours, derived if the group's was given
    const char *registration_id;
    struct assignment assignment; // host and device as far as they are known
};

// Tells a step: what, then "ok" or the problem, then what to do. False if there is a problem.
bool enroll_step(const char *what, const char *detail);
bool enroll_failed(const char *what, const char *problem, const char *advice);

// enroll_link.c: each tells its steps; false: one failed.
bool enroll_register(struct enroll *enroll);
bool enroll_connect(struct enroll *enroll);

// enroll_files.c
bool enroll_open(struct enroll *enroll); // configuration and folder
int enroll_new_key(struct enroll *enroll);
// Key file, assignment and the configuration's hub section.
bool enroll_write(struct enroll *enroll);

#endif
