// SPDX-License-Identifier: Apache-2.0
// hub.db, an SQLite database in WAL mode: what the hub knows of its devices. One writer, the
// backend; the plugin reads what authenticates. Times are UTC milliseconds, keys and thumbprints
// raw bytes, certificates PEM, JSON as text. A column that Azure leaves out is NULL.
#ifndef HUB_DIRECTORY_SCHEMA_H
#define HUB_DIRECTORY_SCHEMA_H

enum { HUB_SCHEMA_VERSION = 2 }; // PRAGMA user_version

// Rights of a policy, added up.
enum {
    HUB_RIGHT_REGISTRY_READ = 1,
    HUB_RIGHT_REGISTRY_WRITE = 2,
    HUB_RIGHT_SERVICE_CONNECT = 4,
    HUB_RIGHT_DEVICE_CONNECT = 8,
    HUB_RIGHT_ENROLMENT_READ = 16,
    HUB_RIGHT_ENROLMENT_WRITE = 32,
    HUB_RIGHT_REGISTRATION_READ = 64,
    HUB_RIGHT_REGISTRATION_WRITE = 128,
};

#include "base/err.h"

struct sqlite3;

// Makes the tables in an empty database, in one transaction. ERR_IO: nothing was made.
NODISCARD enum err hub_schema_create(struct sqlite3 *db);
// The same for what a database of that earlier version lacks; it may be of this one by then.
NODISCARD enum err hub_schema_upgrade(struct sqlite3 *db, int version);

#endif
