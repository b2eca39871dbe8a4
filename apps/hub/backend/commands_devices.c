// SPDX-License-Identifier: Apache-2.0
// Commands about devices and enrolments.
#include "apps/hub/backend/commands_options.h"

#include "apps/hub/backend/allocation.h"
#include "apps/hub/backend/enrolments.h"
#include "apps/hub/backend/registry.h"

#include <stdio.h>
#include <string.h>

enum { LIST_PAGE = 100 };

static bool copy_id(const struct command_options *o, char out[ID_SIZE])
{
    if (strlen(o->id) >= ID_SIZE) {
        fprintf(stderr, "busward-hub: --id: longer than 128 characters\n");
        return false;
    }
    snprintf(out, ID_SIZE, "%s", o->id);
    return true;
}

// From --thumbprint or --certificate; none given: size 0.
static bool read_thumbprint(const struct command_options *o, struct thumbprint *out)
{
    char pem[ENROLMENT_PEM_SIZE];
    *out = (struct thumbprint){0};
    if (o->thumbprint != NULL) {
        if (thumbprint_parse(bytes_of(o->thumbprint, strlen(o->thumbprint)), out) != OK) {
            fprintf(stderr, "busward-hub: --thumbprint: 40 or 64 hex digits\n");
            return false;
        }
        return true;
    }
    return o->certificate == NULL ||
           (command_read_text(o->certificate, pem, sizeof(pem)) && command_thumbprint(pem, out));
}

int command_device_add(struct store *store, const struct command_options *o)
{
    struct device device = {.is_enabled = !o->disabled};
    struct verdict why;
    char host[256] = "";
    char key[KEY_TEXT_SIZE];
    char line[1024];
    if (!command_host(store, o, host, sizeof(host)) || !copy_id(o, device.id) ||
        !command_read_key(o, &device.keys[0]) || !read_thumbprint(o, &device.thumbprints[0])) {
        return 1;
    }
    device.auth = o->by_ca                         ? DEVICE_AUTH_CA
                  : device.thumbprints[0].size > 0 ? DEVICE_AUTH_SELF_SIGNED
                                                   : DEVICE_AUTH_SAS;
    if (!registry_create(store, &device, command_now_ms(), &why)) {
        return command_refused(&why);
    }
    key_text(&device.keys[0], key);
    if (device.auth == DEVICE_AUTH_SAS) {
        snprintf(line, sizeof(line), "HostName=%s;DeviceId=%s;SharedAccessKey=%s\n", host,
                 device.id, key);
    } else {
        snprintf(line, sizeof(line), "HostName=%s;DeviceId=%s;x509=true\n", host, device.id);
    }
    return command_write_out(o, line);
}

int command_device_remove(struct store *store, const struct command_options *o)
{
    struct verdict why;
    struct bytes id = bytes_of(o->id, strlen(o->id));
    return registry_delete(store, id, "*", command_now_ms(), &why) ? 0 : command_refused(&why);
}

int command_device_list(struct store *store, const struct command_options *o)
{
    static const char *const auth[] = {[DEVICE_AUTH_SAS] = "sas",
                                       [DEVICE_AUTH_SELF_SIGNED] = "selfSigned",
                                       [DEVICE_AUTH_CA] = "certificateAuthority"};
    static struct device page[LIST_PAGE];
    struct verdict why;
    char after[ID_SIZE] = "";
    size_t count = 0;
    (void)o;
    do {
        if (!registry_list(store, bytes_of(after, strlen(after)), page, LIST_PAGE, &count, &why)) {
            return command_refused(&why);
        }
        for (size_t i = 0; i < count; i++) {
            printf("%s\t%s\t%s\t%s\n", page[i].id, page[i].is_enabled ? "enabled" : "disabled",
                   auth[page[i].auth], page[i].is_connected ? "connected" : "disconnected");
        }
        if (count > 0) {
            memcpy(after, page[count - 1].id, sizeof(after));
        }
    } while (count == LIST_PAGE);
    return 0;
}

static bool read_allocation(const struct command_options *o, struct enrolment *e)
{
    static const char *const words[] = {[ALLOCATION_HASHED] = "hashed",
                                        [ALLOCATION_GEO_LATENCY] = "geoLatency",
                                        [ALLOCATION_STATIC] = "static",
                                        [ALLOCATION_CUSTOM] = "custom"};
    const char *wanted = o->allocation != NULL ? o->allocation : "hashed";
    size_t i = 0;
    while (i < sizeof(words) / sizeof(words[0]) && strcmp(words[i], wanted) != 0) {
        i++;
    }
    if (i == sizeof(words) / sizeof(words[0]) || (i == ALLOCATION_CUSTOM) != (o->table != NULL)) {
        fprintf(stderr, "busward-hub: --allocation: hashed, geoLatency, static, or custom with "
                        "--table\n");
        return false;
    }
    e->allocation = (enum allocation_policy)i;
    if (o->hubs != NULL && strlen(o->hubs) >= sizeof(e->hubs)) {
        fprintf(stderr, "busward-hub: --hubs: too long\n");
        return false;
    }
    snprintf(e->hubs, sizeof(e->hubs), "%s", o->hubs != NULL ? o->hubs : "");
    e->may_move = !o->fixed;
    e->keeps_data = !o->fresh;
    return (o->table == NULL || command_read_text(o->table, e->table, sizeof(e->table))) &&
           (o->initial_twin == NULL ||
            command_read_text(o->initial_twin, e->initial_twin, sizeof(e->initial_twin)));
}

static int write_enrolment(struct store *store, const struct command_options *o,
                           struct enrolment *e)
{
    struct verdict why;
    char line[KEY_TEXT_SIZE + 1];
    if (!read_allocation(o, e)) {
        return 1;
    }
    if (!enrolments_write(store, e, NULL, command_now_ms(), &why)) {
        return command_refused(&why);
    }
    if (e->attestation != ATTESTATION_SYMMETRIC_KEY) {
        return 0;
    }
    key_text(&e->keys[0], line);
    memcpy(line + strlen(line), "\n", 2);
    return command_write_out(o, line);
}

int command_enrolment_add(struct store *store, const struct command_options *o)
{
    static struct enrolment e;
    e = (struct enrolment){.is_enabled = !o->disabled};
    if (!copy_id(o, e.id) || !command_read_key(o, &e.keys[0]) ||
        !read_thumbprint(o, &e.thumbprints[0])) {
        return 1;
    }
    if (o->device_id != NULL && strlen(o->device_id) >= sizeof(e.device_id)) {
        fprintf(stderr, "busward-hub: --device-id: longer than 128 characters\n");
        return 1;
    }
    snprintf(e.device_id, sizeof(e.device_id), "%s", o->device_id != NULL ? o->device_id : "");
    e.attestation = o->by_ca                    ? ATTESTATION_X509_CA
                    : e.thumbprints[0].size > 0 ? ATTESTATION_X509
                                                : ATTESTATION_SYMMETRIC_KEY;
    char *into = o->by_ca ? e.authorities[0] : e.certificates[0];
    if (o->certificate != NULL && !command_read_text(o->certificate, into, ENROLMENT_PEM_SIZE)) {
        return 1;
    }
    return write_enrolment(store, o, &e);
}

int command_group_add(struct store *store, const struct command_options *o)
{
    static struct enrolment e;
    struct thumbprint print;
    e = (struct enrolment){.is_group = true, .is_enabled = !o->disabled};
    if (!copy_id(o, e.id) || !command_read_key(o, &e.keys[0])) {
        return 1;
    }
    e.attestation = o->certificate != NULL ? ATTESTATION_X509_CA : ATTESTATION_SYMMETRIC_KEY;
    if (o->certificate != NULL &&
        (!command_read_text(o->certificate, e.authorities[0], ENROLMENT_PEM_SIZE) ||
         !command_thumbprint(e.authorities[0], &print))) {
        return 1;
    }
    return write_enrolment(store, o, &e);
}
