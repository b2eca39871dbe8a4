// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/directory/schema.h"

#include "base/assert.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// tools/world/hub_db.py reads the literals of this table, too.
static const char *const STATEMENTS[] = {
    // 'host' (of this hub), 'id_scope', 'dps_host'.
    "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value TEXT) STRICT;",
    // scope: 'hub' or 'dps'. rights: HUB_RIGHT_*.
    "CREATE TABLE policy(name TEXT PRIMARY KEY NOT NULL, key1 BLOB CHECK (length(key1) "
    "BETWEEN 16 AND 64), key2 BLOB CHECK (length(key2) BETWEEN 16 AND 64), rights INT NOT "
    "NULL, scope TEXT NOT NULL DEFAULT 'hub' CHECK (scope IN ('hub','dps'))) STRICT;",
    // auth: enum hub_auth. The c2d count is counted, not stored. clean_connection: `boot/conn` of
    // the
    // last clean session, for which the queue was emptied already.
    "CREATE TABLE device(id TEXT PRIMARY KEY NOT NULL COLLATE BINARY, generation TEXT NOT "
    "NULL DEFAULT '', etag TEXT NOT NULL DEFAULT '', enabled INT NOT NULL DEFAULT 1, "
    "status_reason TEXT, status_updated_ms INT, auth INT NOT NULL DEFAULT 0 CHECK (auth IN "
    "(0,1,2)), key1 BLOB CHECK (length(key1) BETWEEN 16 AND 64), key2 BLOB CHECK "
    "(length(key2) BETWEEN 16 AND 64), thumb1 BLOB CHECK (length(thumb1) IN (20, 32)), "
    "thumb2 BLOB CHECK (length(thumb2) IN (20, 32)), connected INT NOT NULL DEFAULT 0, "
    "connection_updated_ms INT, last_activity_ms INT, clean_connection TEXT, capabilities "
    "TEXT, created_ms INT NOT NULL DEFAULT 0) STRICT;",
    // Certificate authorities of the hub: only a verified one opens.
    "CREATE TABLE ca(name TEXT PRIMARY KEY NOT NULL, pem TEXT NOT NULL, verified INT NOT "
    "NULL DEFAULT 0, etag TEXT NOT NULL DEFAULT '', created_ms INT NOT NULL DEFAULT 0, "
    "updated_ms INT NOT NULL DEFAULT 0, verification_code TEXT) STRICT;",
    // The *_metadata columns hold the shape of the section with [utc_ms,version] for each value.
    // untold: desired changed and the broker may not have told the device.
    "CREATE TABLE twin(device_id TEXT PRIMARY KEY NOT NULL REFERENCES device(id) ON DELETE "
    "CASCADE, desired TEXT NOT NULL DEFAULT '{}', desired_metadata TEXT, desired_version "
    "INT NOT NULL DEFAULT 1, untold INT NOT NULL DEFAULT 0, reported TEXT NOT NULL DEFAULT '{}', "
    "reported_metadata TEXT, "
    "reported_version INT NOT NULL DEFAULT 1, tags TEXT NOT NULL DEFAULT '{}', model_id "
    "TEXT, etag TEXT NOT NULL DEFAULT '', version INT NOT NULL DEFAULT 1, updated_ms INT "
    "NOT NULL DEFAULT 0) STRICT;",
    // state: 0 enqueued, 1 handed to the broker (boot, conn: there; locked_ms: since when).
    // ack: 0 none, 1 positive, 2 negative, 3 full. properties: the bag, as the device will see it.
    "CREATE TABLE c2d(sequence INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL "
    "REFERENCES device(id) ON DELETE CASCADE, message_id TEXT, properties TEXT NOT NULL "
    "DEFAULT '', payload BLOB NOT NULL, enqueued_ms INT NOT NULL, expires_ms INT NOT NULL, "
    "ack INT NOT NULL DEFAULT 0, state INT NOT NULL DEFAULT 0, deliveries INT NOT NULL "
    "DEFAULT 0, boot TEXT, conn INT, locked_ms INT) STRICT;",
    "CREATE INDEX c2d_device ON c2d(device_id, sequence);",
    "CREATE INDEX c2d_expires ON c2d(expires_ms);",
    // status: Azure's statusCode word. batch: the lock token of who reads it now, until locked_ms.
    "CREATE TABLE feedback(sequence INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT "
    "NULL, generation TEXT NOT NULL DEFAULT '', message_id TEXT, status TEXT NOT NULL, "
    "description TEXT, enqueued_ms INT NOT NULL, created_ms INT NOT NULL, batch TEXT, "
    "locked_ms INT) STRICT;",
    // In both: allocation is NULL or hashed, geoLatency, static, custom (custom_allocation: the
    // table,
    // JSON; hubs: host names, a space between).
    // attestation: enum hub_attestation; 1 by the thumbprints of the two client certificates, whose
    // text is kept for the service side, 2 by a chain to ca1 or ca2 (NULL both: any verified ca).
    "CREATE TABLE enrolment(registration_id TEXT PRIMARY KEY NOT NULL, device_id TEXT, "
    "attestation INT NOT NULL CHECK (attestation IN (0,1,2)), key1 BLOB CHECK "
    "(length(key1) BETWEEN 16 AND 64), key2 BLOB CHECK (length(key2) BETWEEN 16 AND 64), "
    "thumb1 BLOB CHECK (length(thumb1) IN (20, 32)), thumb2 BLOB CHECK (length(thumb2) IN "
    "(20, 32)), cert1 TEXT, cert2 TEXT, ca1 TEXT, ca2 TEXT, device_information TEXT, "
    "enabled INT NOT NULL DEFAULT 1, initial_twin TEXT, capabilities TEXT, allocation "
    "TEXT, hub TEXT, hubs TEXT, custom_allocation TEXT, reprovision_hub INT NOT NULL "
    "DEFAULT 1, reprovision_data INT NOT NULL DEFAULT 1, etag TEXT NOT NULL DEFAULT '', "
    "created_ms INT NOT NULL DEFAULT 0, updated_ms INT NOT NULL DEFAULT 0) STRICT;",
    // attestation: 0 keys, from which each device's own is derived, 1 a chain to ca1 or ca2.
    "CREATE TABLE enrolment_group(group_id TEXT PRIMARY KEY NOT NULL, attestation INT NOT "
    "NULL CHECK (attestation IN (0,1)), key1 BLOB CHECK (length(key1) BETWEEN 16 AND 64), "
    "key2 BLOB CHECK (length(key2) BETWEEN 16 AND 64), ca1 TEXT, ca2 TEXT, enabled INT NOT "
    "NULL DEFAULT 1, initial_twin TEXT, capabilities TEXT, allocation TEXT, hub TEXT, hubs "
    "TEXT, custom_allocation TEXT, reprovision_hub INT NOT NULL DEFAULT 1, "
    "reprovision_data INT NOT NULL DEFAULT 1, etag TEXT NOT NULL DEFAULT '', created_ms "
    "INT NOT NULL DEFAULT 0, updated_ms INT NOT NULL DEFAULT 0) STRICT;",
    // What a device got: enrolment_id or group_id says by which way.
    "CREATE TABLE registration(registration_id TEXT PRIMARY KEY NOT NULL, enrolment_id "
    "TEXT, group_id TEXT, device_id TEXT, hub TEXT, status TEXT NOT NULL, substatus TEXT, "
    "payload TEXT, operation_id TEXT, error_code INT, error_message TEXT, etag TEXT NOT "
    "NULL DEFAULT '', created_ms INT NOT NULL DEFAULT 0, updated_ms INT NOT NULL DEFAULT "
    "0) STRICT;",
    "CREATE INDEX registration_group ON registration(group_id);",
    "PRAGMA user_version = 1;",
    // One row. authentication: rises with every change of what opens a connection, so that who
    // holds connections looks at them again then, and not with every twin. messages: those of the
    // UTC day that passed the backend.
    "CREATE TABLE counter(authentication INT NOT NULL, day INT NOT NULL, messages INT NOT NULL) "
    "STRICT;",
    "INSERT INTO counter VALUES(0, 0, 0);",
    // Additions, too: a REPLACE tells of no deletion.
    "CREATE TRIGGER device_new AFTER INSERT ON device BEGIN UPDATE counter SET authentication "
    "= authentication + 1; END;",
    "CREATE TRIGGER device_opens AFTER UPDATE OF id, enabled, auth, key1, key2, thumb1, thumb2 "
    "ON device WHEN old.id IS NOT new.id OR old.enabled IS NOT new.enabled OR old.auth IS NOT "
    "new.auth OR old.key1 IS NOT new.key1 OR old.key2 IS NOT new.key2 OR old.thumb1 IS NOT "
    "new.thumb1 OR old.thumb2 IS NOT new.thumb2 BEGIN UPDATE counter SET authentication = "
    "authentication + 1; END;",
    "CREATE TRIGGER device_gone AFTER DELETE ON device BEGIN UPDATE counter SET authentication "
    "= authentication + 1; END;",
    "CREATE TRIGGER policy_opens AFTER UPDATE ON policy BEGIN UPDATE counter SET "
    "authentication = authentication + 1; END;",
    "CREATE TRIGGER policy_new AFTER INSERT ON policy BEGIN UPDATE counter SET authentication "
    "= authentication + 1; END;",
    "CREATE TRIGGER policy_gone AFTER DELETE ON policy BEGIN UPDATE counter SET authentication "
    "= authentication + 1; END;",
    "CREATE TRIGGER ca_opens AFTER UPDATE ON ca BEGIN UPDATE counter SET authentication = "
    "authentication + 1; END;",
    "CREATE TRIGGER ca_new AFTER INSERT ON ca BEGIN UPDATE counter SET authentication = "
    "authentication + 1; END;",
    "CREATE TRIGGER ca_gone AFTER DELETE ON ca BEGIN UPDATE counter SET authentication = "
    "authentication + 1; END;",
    "PRAGMA user_version = 2;",
};

static int version_of(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        version = sqlite3_column_int(s, 0);
    }
    sqlite3_finalize(s);
    return version;
}

// The statements behind the one that sets that version; all for 0.
static size_t first_after(int version)
{
    char text[40];
    size_t at = 0;
    snprintf(text, sizeof(text), "PRAGMA user_version = %d;", version);
    while (version > 0 && at < COUNT_OF(STATEMENTS) && strcmp(STATEMENTS[at], text) != 0) {
        at++;
    }
    return version > 0 && at < COUNT_OF(STATEMENTS) ? at + 1 : at;
}

enum err hub_schema_upgrade(struct sqlite3 *db, int version)
{
    bool is_good = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    is_good = is_good && version_of(db) == version; // else another process was faster
    for (size_t i = first_after(version); is_good && i < COUNT_OF(STATEMENTS); i++) {
        is_good = sqlite3_exec(db, STATEMENTS[i], NULL, NULL, NULL) == SQLITE_OK;
    }
    if (is_good && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
        return OK;
    }
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); // none may be open: then nothing happens
    return ERR_IO;
}

enum err hub_schema_create(struct sqlite3 *db)
{
    return hub_schema_upgrade(db, 0);
}
