// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/check_files_linux.h"

#include "apps/gateway/config/doc.h"
#include "apps/gateway/config/fields.h"
#include "apps/gateway/north/identity_files_linux.h"
#include "port/linux/authorities.h"
#include "port/linux/proxy.h"
#include "port/linux/tls_trust.h"
#include "port/linux/x509_file.h"
#include "telemetry/catalogue.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo"

enum { PATH_SIZE = 1100, ZONES_MAX = 1000 };

struct check {
    struct config_report *report;
    struct arena *arena;
    enum files_place place;
};

static const struct doc_node *key_or(const struct doc_node *object, const char *key)
{
    const struct doc_node *member = doc_member(object, key);
    return member != NULL ? member : object;
}

// What the rules of the configuration have refused already is not looked for.
static bool is_seen(const struct check *check, const char *setting)
{
    if (credential_is_named(setting)) {
        return check->place == FILES_RUNNING || getenv("CREDENTIALS_DIRECTORY") != NULL;
    }
    return setting[0] == '/';
}

// problem NULL: nothing is wrong.
static void tell(const struct check *check, const struct doc_node *node, const char *setting,
                 const char *problem, const char *expected)
{
    if (problem == NULL) {
        return;
    }
    if (check->place == FILES_ELSEWHERE) {
        doc_warn(check->report, node, "\"%.100s\": %s; expected %s", setting, problem, expected);
    } else {
        doc_error(check->report, node, "\"%.100s\": %s; expected %s", setting, problem, expected);
    }
}

static void check_key(const struct check *check, const struct doc_node *node, const char *setting,
                      bool must_name_hub, const char *expected)
{
    struct sas_identity identity;
    if (!is_seen(check, setting)) {
        return;
    }
    const char *problem = credential_take_key(setting, &identity);
    if (problem == NULL && must_name_hub && identity.host[0] == '\0') {
        problem = "holds a key alone, so nothing says which hub";
        expected = "\"host\" beside it, or a connection string with HostName in it";
    }
    explicit_bzero(&identity, sizeof(identity));
    tell(check, node, setting, problem, expected);
}

static void check_login(const struct check *check, const struct config_hub *hub)
{
    uint8_t text[CREDENTIAL_SIZE_MAX];
    size_t size = 0;
    struct proxy proxy;
    if (!is_seen(check, hub->proxy_login_file)) {
        return;
    }
    const char *problem = credential_take(hub->proxy_login_file, text, &size);
    if (problem == NULL && proxy_parse_login(bytes_of(text, size), &proxy) != OK) {
        problem = "holds no login";
    }
    explicit_bzero(text, sizeof(text));
    explicit_bzero(&proxy, sizeof(proxy));
    tell(check, key_or(hub->node, "proxy_login_file"), hub->proxy_login_file, problem,
         "a file (mode 0600) with user:password, at most 255 bytes each");
}

// Reading would wait for a FIFO's other end.
static const char *find_readable(const char *setting, char path[CREDENTIAL_PATH_MAX])
{
    struct stat status;
    const char *problem = credential_find(setting, path);
    bool is_odd = problem == NULL && stat(path, &status) == 0 && !S_ISREG(status.st_mode) &&
                  !S_ISDIR(status.st_mode);
    return is_odd ? "not a regular file" : problem;
}

static const char *certificate_problem(const char *setting)
{
    char path[CREDENTIAL_PATH_MAX];
    int64_t end_s;
    const char *problem = find_readable(setting, path);
    return problem == NULL ? x509_file_end(path, &end_s) : problem;
}

// What is wrong with the certificate is a mistake only if no renewal is to take its place.
static void check_pair(const struct check *check, const struct config_hub *hub)
{
    char path[CREDENTIAL_PATH_MAX];
    const char *certificate = hub->certificate_file;
    const char *key = hub->private_key_file;
    bool has_certificate = is_seen(check, certificate);
    bool has_key = is_seen(check, key);
    const char *problem = has_certificate ? find_readable(certificate, path) : NULL;
    const char *key_problem = has_key ? credential_look(key) : NULL;
    bool is_pair = has_certificate && has_key && problem == NULL && key_problem == NULL;
    const char *pair_problem = is_pair ? identity_pair_problem(certificate, key) : NULL;
    if (has_certificate && (!is_pair || pair_problem != NULL)) {
        problem = certificate_problem(certificate);
    }
    tell(check, key_or(hub->node, "certificate_file"), certificate, problem,
         "a PEM file with the device's certificate, then its chain");
    if (is_pair && problem == NULL) {
        key_problem = pair_problem;
    }
    tell(check, key_or(hub->node, "private_key_file"), key, key_problem,
         "a PEM file (mode 0600) with the certificate's private key");
}

static const char *bundle_problem(const char *path)
{
    int64_t end_s;
    const char *problem = x509_file_end(path, &end_s);
    return problem == NULL && !tls_trust_is_whole(path)
               ? "holds a broken certificate, so none of them is used"
               : problem;
}

static void check_authorities(const struct check *check, const struct doc_node *node,
                              const char *setting)
{
    char path[CREDENTIAL_PATH_MAX];
    if (!is_seen(check, setting)) {
        return;
    }
    const char *problem = find_readable(setting, path);
    problem = problem == NULL ? authorities_problem(path) : problem;
    if (problem == NULL && !authorities_is_folder(path)) {
        problem = bundle_problem(path);
    }
    tell(check, node, setting, problem,
         "a PEM file of certificate authorities, or a folder as `openssl rehash` names it");
}

static void check_hub(const struct check *check, const struct config *config)
{
    const struct config_hub *hub = &config->hub;
    const struct config_provisioning *dps = &hub->provisioning;
    bool must_name_hub = dps->node == NULL && hub->host[0] == '\0';
    check_key(check, key_or(hub->node, "key_file"), hub->key_file, must_name_hub,
              "a file (mode 0600) with the device's base64 key or a connection string");
    if (dps->node != NULL) {
        check_key(check, key_or(dps->node, "group_key_file"), dps->group_key_file, false,
                  "a file (mode 0600) with the enrolment group's base64 key");
    }
    check_pair(check, hub);
    check_authorities(check, key_or(hub->node, "ca_file"), hub->ca_file);
    check_login(check, hub);
    // The system's, which is the default, may be missing where nothing is ever fetched.
    const struct doc_node *remote =
        config->remote.node != NULL ? doc_member(config->remote.node, "ca_file") : NULL;
    if (config->remote.is_enabled && remote != NULL) {
        check_authorities(check, remote, config->remote.ca_file);
    }
}

static void check_data_dir(const struct check *check, const struct config_gateway *gateway)
{
    struct stat status;
    char parent[PATH_SIZE];
    const char *folder = gateway->data_dir;
    const char *problem = NULL;
    if (folder[0] != '/' || check->place == FILES_ELSEWHERE) {
        return;
    }
    snprintf(parent, sizeof(parent), "%s", folder);
    if (stat(folder, &status) == 0) {
        problem = !S_ISDIR(status.st_mode)                  ? "is no folder"
                  : access(folder, R_OK | W_OK | X_OK) != 0 ? strerror(errno)
                                                            : NULL;
    } else if (errno != ENOENT) {
        problem = strerror(errno);
    } else if (access(dirname(parent), W_OK | X_OK) != 0) {
        problem =
            errno == ENOENT ? "the folder above it is not there" : "cannot be made by this user";
    }
    tell(check, key_or(gateway->node, "data_dir"), folder, problem,
         "a folder of the gateway's own, or a name for one that it can make");
}

// The names that people choose from: the third column of a table that comes with the zones.
static const char **read_zones(struct arena *arena)
{
    FILE *file = fopen(ZONES "/zone.tab", "re");
    const char **names = arena_take(arena, ZONES_MAX + 1, sizeof(*names));
    size_t count = 0;
    char line[256];
    char name[128];
    while (file != NULL && names != NULL && count < ZONES_MAX &&
           fgets(line, sizeof(line), file) != NULL) {
        if (line[0] != '#' && sscanf(line, "%*s %*s %127s", name) == 1) {
            names[count++] = arena_text(arena, bytes_of(name, strlen(name)));
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (names != NULL) {
        names[count] = NULL;
    }
    return arena->is_full ? NULL : names;
}

// Only a warning: zones are added and renamed, and the cloud is what reads it.
static void check_zone(const struct check *check, const struct config_gateway *gateway)
{
    struct stat status;
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), ZONES "/%s", gateway->time_zone);
    if (gateway->time_zone[0] == '\0' || !tm_time_zone_is_plausible(gateway->time_zone) ||
        stat(ZONES "/zone.tab", &status) != 0 ||
        (stat(path, &status) == 0 && S_ISREG(status.st_mode))) {
        return;
    }
    const char **names = read_zones(check->arena);
    const char *nearest = names != NULL ? fields_nearest(gateway->time_zone, names) : NULL;
    doc_warn(check->report, key_or(gateway->node, "time_zone"),
             "\"%.64s\" is none of the time zones that this machine knows%s%s%s",
             gateway->time_zone, nearest != NULL ? "; did you mean \"" : "",
             nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

void config_check_files(struct config_report *report, struct arena *arena,
                        const struct config *config, enum files_place place)
{
    const struct check check = {.report = report, .arena = arena, .place = place};
    if (config->gateway.node != NULL) {
        check_data_dir(&check, &config->gateway);
        check_zone(&check, &config->gateway);
    }
    if (config->hub.node != NULL) {
        check_hub(&check, config);
    }
    report_sort(report);
}
