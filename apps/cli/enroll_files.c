// SPDX-License-Identifier: Apache-2.0
// What `busward enroll` reads and writes: the configuration, in which nothing a person wrote is
// touched, and the folder of the identity.
#include "apps/cli/enroll.h"

#include "apps/gateway/config/config_check.h"
#include "apps/gateway/config/doc.h"
#include "apps/gateway/files_linux.h"
#include "base/assert.h"
#include "port/linux/cells.h"
#include "port/linux/x509_file.h"
#include "json/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTION_SIZE_MAX = 16384 };

// Loads a configuration and prints every finding. False: it has errors.
static bool load(struct enroll *enroll, const char *path, struct config *out)
{
    struct config_report report;
    if (config_memory(&enroll->arena, &report) != OK) {
        return enroll_failed(path, "out of memory", "");
    }
    const struct config_source source = {
        .path = path, .profiles_dir = enroll->options.profiles, .files = config_files_linux()};
    enum err err = config_load(&source, &enroll->arena, &report, out);
    for (size_t i = 0; i < report.count; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&report.items[i], line, sizeof(line));
        puts(line);
    }
    return err == OK;
}

// Who runs the gateway owns its folder: files made by root are given to him.
static bool give_away(const struct enroll *enroll, const char *path)
{
    struct stat owner;
    if (geteuid() != 0 || stat(enroll->config.gateway.data_dir, &owner) != 0) {
        return true;
    }
    return lchown(path, owner.st_uid, owner.st_gid) == 0;
}

bool enroll_open(struct enroll *enroll)
{
    if (!load(enroll, enroll->options.config, &enroll->config)) {
        return enroll_failed("configuration", "see above", "Mend it first: busward check FILE.");
    }
    const char *data_dir = enroll->config.gateway.data_dir;
    int size = snprintf(enroll->folder, sizeof(enroll->folder), "%s/identity", data_dir);
    if (size >= ENROLL_PATH_MAX - 64) {
        return enroll_failed("data_dir", "the path is too long", "");
    }
    bool is_there = (mkdir(data_dir, 0750) == 0 || errno == EEXIST) &&
                    (mkdir(enroll->folder, 0700) == 0 || errno == EEXIST) &&
                    give_away(enroll, enroll->folder);
    return is_there ? enroll_step("configuration", enroll->config.gateway.id)
                    : enroll_failed(enroll->folder, strerror(errno),
                                    "Run this as the gateway's user or as root.");
}

int enroll_new_key(struct enroll *enroll)
{
    char key[ENROLL_PATH_MAX];
    char request[ENROLL_PATH_MAX];
    char certificate[ENROLL_PATH_MAX];
    snprintf(key, sizeof(key), "%.900s/device.key", enroll->folder);
    bool is_renewal = access(key, F_OK) == 0;
    const char *more = is_renewal ? ".next" : "";
    snprintf(key, sizeof(key), "%.900s/device.key%s", enroll->folder, more);
    snprintf(request, sizeof(request), "%.900s/device.csr%s", enroll->folder, more);
    snprintf(certificate, sizeof(certificate), "%.900s/device.pem%s", enroll->folder, more);
    const char *name = enroll->options.registration_id != NULL ? enroll->options.registration_id
                                                               : enroll->config.gateway.id;
    const char *problem = x509_new_key(key);
    if (problem != NULL) {
        (void)enroll_failed(key, problem, "An earlier request may still be on its way.");
        return 1;
    }
    (void)enroll_step("private key", key);
    problem = x509_new_request(key, name, request);
    if (problem != NULL || !give_away(enroll, key) || !give_away(enroll, request)) {
        (void)enroll_failed(request, problem != NULL ? problem : strerror(errno), "");
        return 1;
    }
    (void)enroll_step("certificate request", request);
    printf("Have the request signed for the common name %s, put certificate and chain into\n"
           "    %s\n",
           name, certificate);
    puts(is_renewal
             ? "and the gateway tries it within a minute; it keeps it once the hub took it."
             : "and go on: busward enroll ... --certificate-file FILE --private-key-file FILE.");
    return 0;
}

static bool write_secret(const struct enroll *enroll, const char *path, const char *text)
{
    char aside[ENROLL_PATH_MAX + 8];
    snprintf(aside, sizeof(aside), "%s.new", path);
    (void)unlink(aside);
    int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t size = strlen(text);
    bool is_good = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0 &&
                   give_away(enroll, aside);
    is_good = fd >= 0 && close(fd) == 0 && is_good && rename(aside, path) == 0;
    return is_good ? enroll_step(path, "written")
                   : enroll_failed(path, strerror(errno), "Run this as the gateway's user.");
}

// Another key that is there may be the one that a gateway lives on: it stays beside the new one.
static bool keep_old(const char *path, const char *text)
{
    char old[ENROLL_PATH_MAX + 8];
    char there[SAS_KEY_TEXT_SIZE_MAX + 1] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return true;
    }
    ssize_t size = fd < 0 ? -1 : read(fd, there, sizeof(there));
    bool is_same = size == (ssize_t)strlen(text) && memcmp(there, text, (size_t)size) == 0;
    explicit_bzero(there, sizeof(there));
    if (fd >= 0) {
        close(fd);
    }
    if (is_same) {
        return true;
    }
    snprintf(old, sizeof(old), "%s.old", path);
    (void)unlink(old);
    return link(path, old) == 0
               ? enroll_step(old, "the key that was there")
               : enroll_failed(old, strerror(errno), "Run this as the gateway's user or as root.");
}

static bool write_key(const struct enroll *enroll, char path[ENROLL_PATH_MAX])
{
    char text[SAS_KEY_TEXT_SIZE_MAX + 1];
    snprintf(path, ENROLL_PATH_MAX, "%.900s/hub.key", enroll->folder);
    sas_key_text(&enroll->key.key, text);
    size_t size = strlen(text);
    text[size] = '\n';
    text[size + 1] = 0;
    bool is_good = keep_old(path, text) && write_secret(enroll, path, text);
    explicit_bzero(text, sizeof(text));
    return is_good;
}

static bool write_assignment(struct enroll *enroll)
{
    struct linux_cells cells;
    char text[ASSIGNMENT_SIZE_MAX];
    char path[ENROLL_PATH_MAX];
    if (linux_cells_open(&cells, enroll->folder) != OK) {
        return enroll_failed(enroll->folder, strerror(errno), "");
    }
    size_t size = assignment_write(&enroll->assignment, text);
    enum err err = cells.cells.ops->replace(cells.cells.ctx, "assignment", bytes_of(text, size));
    linux_cells_close(&cells);
    snprintf(path, sizeof(path), "%.900s/assignment", enroll->folder);
    return err == OK && give_away(enroll, path)
               ? enroll_step(path, "written")
               : enroll_failed(path, err_name(err), "Run this as the gateway's user.");
}

static void put_given(struct json_writer *w, const char *key, const char *value)
{
    if (value != NULL && value[0] != 0) {
        json_put_key_string(w, key, value);
    }
}

static void put_port(struct json_writer *w, const char *key, uint64_t port)
{
    if (port != 8883) {
        json_put_key_u64(w, key, port);
    }
}

static void put_provisioning(const struct enroll *enroll, struct json_writer *w)
{
    const struct enroll_options *o = &enroll->options;
    bool is_azure = strcmp(o->dps_host, "global.azure-devices-provisioning.net") == 0;
    json_put_key(w, "provisioning");
    json_begin_object(w);
    put_given(w, "id_scope", o->id_scope);
    put_given(w, "registration_id", enroll->registration_id);
    put_given(w, "dps_host", is_azure ? "" : o->dps_host);
    put_given(w, "dps_address", o->dps_address);
    put_port(w, "dps_port", o->dps_port);
    put_given(w, "payload", o->payload);
    json_end_object(w);
}

static bool make_section(const struct enroll *enroll, const char *key_file, char *out)
{
    const struct enroll_options *o = &enroll->options;
    bool is_system = strcmp(o->ca_file, "/etc/ssl/certs/ca-certificates.crt") == 0;
    struct json_writer w;
    json_writer_init(&w, out, SECTION_SIZE_MAX - 1);
    json_begin_object(&w);
    if (o->id_scope != NULL) {
        put_provisioning(enroll, &w);
    } else {
        put_given(&w, "host", enroll->assignment.host);
        put_given(&w, "device_id", enroll->assignment.device);
    }
    put_given(&w, "address", o->address);
    put_port(&w, "port", o->port);
    put_given(&w, "key_file", key_file);
    put_given(&w, "certificate_file", enroll->certificate);
    put_given(&w, "private_key_file", enroll->private_key);
    put_given(&w, "ca_file", is_system ? "" : enroll->ca_file);
    json_end_object(&w);
    out[w.size] = 0;
    return !w.failed;
}

// The section becomes the first member; every byte that was there stays, comments and all.
static bool insert_section(struct enroll *enroll, const char *section, const char *aside)
{
    const struct doc_node *root = enroll->config.node;
    struct bytes text = root->file->text;
    size_t at = root->offset + 1;
    bool is_alone = root->child == NULL;
    FILE *file = fopen(aside, "wxe");
    if (file == NULL) {
        return enroll_failed(aside, strerror(errno), "Run this as the configuration's owner.");
    }
    fprintf(file, "%.*s\n    \"hub\": %s%s", (int)at, (const char *)text.data, section,
            is_alone ? "\n" : ",");
    (void)fwrite(text.data + at, 1, text.size - at, file);
    struct stat status;
    bool is_good = stat(enroll->options.config, &status) == 0 &&
                   fchmod(fileno(file), status.st_mode & 07777) == 0 &&
                   (geteuid() != 0 || fchown(fileno(file), status.st_uid, status.st_gid) == 0) &&
                   fflush(file) == 0 && ferror(file) == 0 && fsync(fileno(file)) == 0;
    is_good = fclose(file) == 0 && is_good;
    if (!is_good) {
        (void)unlink(aside);
    }
    return is_good || enroll_failed(aside, "cannot be written whole", "Is the disk full?");
}

// The new file takes the place of `path`, if it is right; else nothing is left of it.
static bool replace_config(struct enroll *enroll, const char *section, const char *path)
{
    static struct config checked;
    char aside[ENROLL_PATH_MAX];
    if (snprintf(aside, sizeof(aside), "%s.new", path) >= ENROLL_PATH_MAX) {
        return enroll_failed(path, "the path is too long", "");
    }
    if (!insert_section(enroll, section, aside)) {
        return false; // a file of that name may be a person's
    }
    bool is_good = load(enroll, aside, &checked) && rename(aside, path) == 0;
    if (!is_good) {
        (void)unlink(aside);
    }
    return is_good;
}

static bool write_config(struct enroll *enroll, const char *section)
{
    const char *path = enroll->options.config;
    if (enroll->config.hub.node != NULL) {
        printf("%s has a hub section, which is yours to change:\n    \"hub\": %s\n", path, section);
        return true;
    }
    char *real = realpath(path, NULL); // a link stays one
    bool is_good = real != NULL && replace_config(enroll, section, real);
    free(real);
    if (!is_good) {
        printf("The section to be added by hand:\n    \"hub\": %s\n", section);
        return enroll_failed(path, "is left as it was", "Run this as the configuration's owner.");
    }
    printf("%s now begins with\n    \"hub\": %s\n", path, section);
    return true;
}

bool enroll_write(struct enroll *enroll)
{
    static char section[SECTION_SIZE_MAX];
    char key_file[ENROLL_PATH_MAX] = "";
    if (enroll->has_key && !write_key(enroll, key_file)) {
        return false;
    }
    if (enroll->options.id_scope != NULL && !write_assignment(enroll)) {
        return false;
    }
    bool fits = make_section(enroll, key_file, section);
    ASSERT(fits); // each option is bounded by the way it came
    return write_config(enroll, section);
}
