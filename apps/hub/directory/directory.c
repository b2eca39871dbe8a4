// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/directory/directory.h"

#include "apps/hub/directory/schema.h"
#include "base/assert.h"
#include "base/crc.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

enum { BUSY_MS = 200 }; // readers of a WAL wait for nobody but a recovery

enum query { DATA_VERSION, META, DEVICE, POLICY, AUTHORITY, ENROLMENT, GROUP, OPENS, METERED };

static const char *const SQL[HUB_DIRECTORY_QUERIES] = {
    [DATA_VERSION] = "PRAGMA data_version",
    [META] = "SELECT value FROM meta WHERE key = ?",
    [DEVICE] =
        "SELECT enabled, auth, key1, key2, thumb1, thumb2, generation FROM device WHERE id = ?",
    [POLICY] = "SELECT rights, key1, key2 FROM policy WHERE name = ? AND scope = ?",
    [AUTHORITY] = "SELECT name, pem FROM ca WHERE verified = 1 AND name > ? ORDER BY name LIMIT 1",
    [ENROLMENT] = "SELECT enabled, attestation, key1, key2, thumb1, thumb2, ca1, ca2"
                  " FROM enrolment WHERE registration_id = ?",
    [GROUP] = "SELECT group_id, enabled, attestation, key1, key2, ca1, ca2 FROM enrolment_group"
              " WHERE group_id > ? ORDER BY group_id LIMIT 1",
    [OPENS] = "SELECT authentication FROM counter",
    [METERED] = "SELECT day, messages FROM counter",
};

static void close_all(struct hub_directory *directory)
{
    for (size_t i = 0; i < HUB_DIRECTORY_QUERIES; i++) {
        sqlite3_finalize(directory->queries[i]);
        directory->queries[i] = NULL;
    }
    sqlite3_close(directory->db);
    directory->db = NULL;
}

static enum err step(struct hub_directory *directory, enum query query)
{
    int result = sqlite3_step(directory->queries[query]);
    return result == SQLITE_ROW ? OK : result == SQLITE_DONE ? ERR_NOT_FOUND : ERR_IO;
}

static enum err read_number(struct hub_directory *directory, enum query query, int64_t *out)
{
    enum err err = step(directory, query);
    if (err == OK) {
        *out = sqlite3_column_int64(directory->queries[query], 0);
    }
    sqlite3_reset(directory->queries[query]);
    return err;
}

// Does the file say that it is a hub.db of our version?
static enum err check_version(sqlite3 *db)
{
    sqlite3_stmt *query = NULL;
    enum err err = ERR_IO;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &query, NULL) == SQLITE_OK) {
        int result = sqlite3_step(query);
        if (result == SQLITE_ROW) {
            int version = sqlite3_column_int(query, 0);
            err = version == HUB_SCHEMA_VERSION ? OK : ERR_UNSUPPORTED;
        } else if (result == SQLITE_NOTADB || result == SQLITE_CORRUPT) {
            err = ERR_CORRUPT;
        }
    }
    sqlite3_finalize(query);
    return err;
}

static enum err open_file(struct hub_directory *directory, const struct stat *status)
{
    if ((status->st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return ERR_DENIED;
    }
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(directory->path, &db, SQLITE_OPEN_READONLY, NULL);
    directory->db = db; // there, even if it failed
    if (result != SQLITE_OK || sqlite3_busy_timeout(db, BUSY_MS) != SQLITE_OK) {
        return ERR_IO;
    }
    enum err err = check_version(db);
    for (size_t i = 0; err == OK && i < HUB_DIRECTORY_QUERIES; i++) {
        sqlite3_stmt *query = NULL;
        if (sqlite3_prepare_v3(db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &query, NULL) !=
            SQLITE_OK) {
            err = ERR_UNSUPPORTED; // a table or column is missing
        }
        directory->queries[i] = query;
    }
    if (err == OK) {
        err = read_number(directory, DATA_VERSION, &directory->data_version);
    }
    return err == OK ? read_number(directory, OPENS, &directory->authentication) : err;
}

static void try_open(struct hub_directory *directory)
{
    struct stat status;
    if (stat(directory->path, &status) != 0) {
        directory->fault = ERR_NOT_FOUND;
        return;
    }
    directory->fault = open_file(directory, &status);
    directory->folder_device = status.st_dev;
    directory->inode = status.st_ino;
    if (directory->fault != OK) {
        close_all(directory);
    }
}

void hub_directory_open(struct hub_directory *directory, const char *path)
{
    *directory = (struct hub_directory){.path = path};
    try_open(directory);
}

void hub_directory_close(struct hub_directory *directory)
{
    close_all(directory);
    directory->fault = ERR_STATE;
}

// Only stat: opening and closing the file here would drop SQLite's locks on it.
static bool is_same_file(const struct hub_directory *directory)
{
    struct stat status;
    return stat(directory->path, &status) == 0 && status.st_dev == directory->folder_device &&
           status.st_ino == directory->inode;
}

bool hub_directory_poll(struct hub_directory *directory)
{
    enum err before = directory->fault;
    if (directory->db != NULL && is_same_file(directory)) {
        int64_t version = 0;
        int64_t authentication = directory->authentication;
        enum err err = read_number(directory, DATA_VERSION, &version);
        if (err == OK && version != directory->data_version) { // any commit: mostly of twins
            err = read_number(directory, OPENS, &authentication);
        }
        if (err == OK) {
            bool has_changed = authentication != directory->authentication;
            directory->data_version = version;
            directory->authentication = authentication;
            return has_changed;
        }
    }
    bool was_open = directory->db != NULL;
    close_all(directory);
    try_open(directory);
    return was_open || directory->fault != before;
}

const char *hub_directory_fault(const struct hub_directory *directory)
{
    static const struct {
        enum err fault;
        const char *text;
    } texts[] = {
        {OK, ""},
        {ERR_NOT_FOUND, "hub.db is not there: busward-hub makes it"},
        {ERR_DENIED, "others may read the keys: permissions must be 0600"},
        {ERR_UNSUPPORTED, "hub.db of another version: plugin and busward-hub must match"},
        {ERR_CORRUPT, "no SQLite database, or a damaged one"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i].fault == directory->fault) {
            return texts[i].text;
        }
    }
    return "hub.db cannot be read";
}

void hub_directory_metered(struct hub_directory *directory, struct hub_quota_day *out)
{
    if (directory->db == NULL) {
        return;
    }
    sqlite3_stmt *row = directory->queries[METERED];
    if (step(directory, METERED) == OK) {
        *out = (struct hub_quota_day){.number = sqlite3_column_int64(row, 0),
                                      .used = (uint64_t)sqlite3_column_int64(row, 1)};
    }
    sqlite3_reset(row);
}

static sqlite3_stmt *ask(struct hub_directory *directory, enum query query, struct bytes key)
{
    sqlite3_stmt *statement = directory->queries[query];
    if (statement == NULL || key.size > HUB_NAME_SIZE_MAX) {
        return NULL;
    }
    const char *text = key.size > 0 ? (const char *)key.data : "";
    return sqlite3_bind_text(statement, 1, text, (int)key.size, SQLITE_TRANSIENT) == SQLITE_OK
               ? statement
               : NULL;
}

static enum err refusal(const struct hub_directory *directory, struct bytes key)
{
    return directory->db == NULL          ? ERR_STATE
           : key.size > HUB_NAME_SIZE_MAX ? ERR_NOT_FOUND
                                          : ERR_IO;
}

static bool get_blob(sqlite3_stmt *row, int column, uint8_t *out, size_t capacity, size_t *size)
{
    const void *data = sqlite3_column_blob(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);
    if (length > capacity) {
        return false;
    }
    if (length > 0) {
        memcpy(out, data, length);
    }
    *size = length;
    return true;
}

static bool get_text(sqlite3_stmt *row, int column, char *out, size_t out_size)
{
    size_t size = 0;
    if (!get_blob(row, column, (uint8_t *)out, out_size - 1, &size) ||
        memchr(out, '\0', size) != NULL) {
        return false;
    }
    out[size] = '\0';
    return true;
}

static bool get_keys(sqlite3_stmt *row, int column, struct hub_sas_key *keys)
{
    for (int i = 0; i < HUB_KEYS_MAX; i++) {
        struct hub_sas_key *key = &keys[i];
        if (!get_blob(row, column + i, key->bytes, sizeof(key->bytes), &key->size) ||
            (key->size > 0 && key->size < HUB_KEY_SIZE_MIN)) {
            return false;
        }
    }
    return true;
}

static bool get_thumbs(sqlite3_stmt *row, int column, struct hub_thumbprint *thumbs)
{
    for (int i = 0; i < HUB_KEYS_MAX; i++) {
        struct hub_thumbprint *thumb = &thumbs[i];
        if (!get_blob(row, column + i, thumb->bytes, sizeof(thumb->bytes), &thumb->size) ||
            (thumb->size != 0 && thumb->size != 20 && thumb->size != 32)) {
            return false;
        }
    }
    return true;
}

static bool get_authorities(sqlite3_stmt *row, int column, struct hub_authorities *out)
{
    return get_text(row, column, out->primary, sizeof(out->primary)) &&
           get_text(row, column + 1, out->secondary, sizeof(out->secondary));
}

enum err hub_directory_meta(struct hub_directory *directory, const char *key, char *out,
                            size_t out_size)
{
    struct bytes name = bytes_of(key, strlen(key));
    sqlite3_stmt *row = ask(directory, META, name);
    if (row == NULL) {
        return refusal(directory, name);
    }
    enum err err = step(directory, META);
    char text[HUB_HOST_SIZE_MAX + 1];
    if (err == OK && !get_text(row, 0, text, out_size < sizeof(text) ? out_size : sizeof(text))) {
        err = ERR_CORRUPT;
    }
    sqlite3_reset(row);
    if (err != OK || text[0] == '\0') {
        return err != OK ? err : ERR_NOT_FOUND;
    }
    memcpy(out, text, strlen(text) + 1);
    return OK;
}

// Numbers by convention, but any text tells one from another.
static uint64_t get_generation(sqlite3_stmt *row, int column)
{
    const void *text = sqlite3_column_blob(row, column);
    int size = sqlite3_column_bytes(row, column);
    return hash64(HASH64_START, bytes_of(text, size > 0 ? (size_t)size : 0));
}

enum err hub_directory_device(struct hub_directory *directory, struct bytes id,
                              struct hub_device *out)
{
    sqlite3_stmt *row = ask(directory, DEVICE, id);
    if (row == NULL) {
        return refusal(directory, id);
    }
    enum err err = step(directory, DEVICE);
    struct hub_device device = {0};
    if (err == OK) {
        int auth = sqlite3_column_int(row, 1);
        device.is_enabled = sqlite3_column_int(row, 0) == 1;
        device.auth = (enum hub_auth)auth;
        device.generation = get_generation(row, 6);
        bool is_good = auth >= HUB_AUTH_SAS && auth <= HUB_AUTH_CA &&
                       get_keys(row, 2, device.keys) && get_thumbs(row, 4, device.thumbs);
        err = is_good ? OK : ERR_CORRUPT;
    }
    sqlite3_reset(row);
    *out = err == OK ? device : *out;
    return err;
}

enum err hub_directory_policy(struct hub_directory *directory, const char *scope, struct bytes name,
                              struct hub_policy *out)
{
    sqlite3_stmt *row = ask(directory, POLICY, name);
    if (row == NULL || sqlite3_bind_text(row, 2, scope, -1, SQLITE_STATIC) != SQLITE_OK) {
        return refusal(directory, name);
    }
    enum err err = step(directory, POLICY);
    struct hub_policy policy = {0};
    if (err == OK) {
        policy.rights = (uint32_t)sqlite3_column_int64(row, 0);
        err = get_keys(row, 1, policy.keys) ? OK : ERR_CORRUPT;
    }
    sqlite3_reset(row);
    *out = err == OK ? policy : *out;
    return err;
}

enum err hub_directory_next_authority(struct hub_directory *directory, const char *after,
                                      struct hub_authority *out)
{
    struct bytes key = bytes_of(after, strlen(after));
    sqlite3_stmt *row = ask(directory, AUTHORITY, key);
    if (row == NULL) {
        return refusal(directory, key);
    }
    enum err err = step(directory, AUTHORITY);
    struct hub_authority authority;
    if (err == OK && (!get_text(row, 0, authority.name, sizeof(authority.name)) ||
                      !get_text(row, 1, authority.pem, sizeof(authority.pem)))) {
        err = ERR_CORRUPT;
    }
    sqlite3_reset(row);
    *out = err == OK ? authority : *out;
    return err;
}

enum err hub_directory_enrolment(struct hub_directory *directory, struct bytes registration_id,
                                 struct hub_enrolment *out)
{
    sqlite3_stmt *row = ask(directory, ENROLMENT, registration_id);
    if (row == NULL) {
        return refusal(directory, registration_id);
    }
    enum err err = step(directory, ENROLMENT);
    struct hub_enrolment enrolment = {0};
    if (err == OK) {
        int attestation = sqlite3_column_int(row, 1);
        enrolment.is_enabled = sqlite3_column_int(row, 0) == 1;
        enrolment.attestation = (enum hub_attestation)attestation;
        bool is_good = attestation >= HUB_BY_KEY && attestation <= HUB_BY_CA &&
                       get_keys(row, 2, enrolment.keys) && get_thumbs(row, 4, enrolment.thumbs) &&
                       get_authorities(row, 6, &enrolment.authorities);
        err = is_good ? OK : ERR_CORRUPT;
    }
    sqlite3_reset(row);
    *out = err == OK ? enrolment : *out;
    return err;
}

enum err hub_directory_next_group(struct hub_directory *directory, const char *after,
                                  struct hub_group *out)
{
    struct bytes key = bytes_of(after, strlen(after));
    sqlite3_stmt *row = ask(directory, GROUP, key);
    if (row == NULL) {
        return refusal(directory, key);
    }
    enum err err = step(directory, GROUP);
    struct hub_group group = {0};
    if (err == OK) {
        group.is_enabled = sqlite3_column_int(row, 1) == 1;
        group.attestation = sqlite3_column_int(row, 2) == 0 ? HUB_BY_KEY : HUB_BY_CA;
        bool is_good = get_text(row, 0, group.id, sizeof(group.id)) &&
                       get_keys(row, 3, group.keys) && get_authorities(row, 5, &group.authorities);
        err = is_good ? OK : ERR_CORRUPT;
    }
    sqlite3_reset(row);
    *out = err == OK ? group : *out;
    return err;
}
