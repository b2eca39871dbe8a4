// SPDX-License-Identifier: Apache-2.0
// The rules of the hub section: what fits together of names, keys, certificates and provisioning.
#include "apps/gateway/config/config_check.h"

#include "apps/gateway/config/doc.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const struct doc_node *key_or(const struct doc_node *object, const char *key)
{
    const struct doc_node *member = doc_member(object, key);
    return member != NULL ? member : object;
}

static bool has_only(const char *text, const char *allowed)
{
    return text[strspn(text, allowed)] == '\0';
}

static void check_id(struct config_report *report, const struct doc_node *node, const char *id)
{
    if (!has_only(id, LETTERS_DIGITS "-._%*?!(),:=@$'")) {
        doc_error(report, node,
                  "\"%.80s\" is no identity at a hub; expected letters, digits and - . _ %% * ? ! "
                  "( ) , : = @ $ '",
                  id);
    }
}

static void check_host(struct config_report *report, const struct doc_node *node, const char *host)
{
    if (!has_only(host, LETTERS_DIGITS "-._")) {
        doc_error(report, node,
                  "\"%.80s\" is no host name; expected one such as hub.example.org, the port is in "
                  "\"port\"",
                  host);
    }
}

void config_check_path(struct config_report *report, const struct doc_node *object, const char *key,
                       const char *path)
{
    if (path[0] != '\0' && path[0] != '/') {
        doc_error(report, key_or(object, key),
                  "\"%.80s\" depends on where the program is started; expected an absolute path",
                  path);
    }
}

static void check_setting(struct config_report *report, const struct doc_node *object,
                          const char *key, const char *setting)
{
    static const char PREFIX[] = "credential:";
    if (strncmp(setting, PREFIX, sizeof(PREFIX) - 1) != 0) {
        config_check_path(report, object, key, setting);
        return;
    }
    const char *name = setting + sizeof(PREFIX) - 1;
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        doc_error(report, key_or(object, key),
                  "\"%.80s\" names no credential; expected credential:NAME", setting);
    }
}

static void check_settings(struct config_report *report, const struct config_hub *hub)
{
    check_setting(report, hub->node, "key_file", hub->key_file);
    check_setting(report, hub->node, "certificate_file", hub->certificate_file);
    check_setting(report, hub->node, "private_key_file", hub->private_key_file);
    check_setting(report, hub->node, "ca_file", hub->ca_file);
    check_setting(report, hub->node, "proxy_login_file", hub->proxy_login_file);
    if (hub->provisioning.node != NULL) {
        check_setting(report, hub->provisioning.node, "group_key_file",
                      hub->provisioning.group_key_file);
    }
}

// One way to prove who we are, and whole.
static void check_proof(struct config_report *report, const struct config_hub *hub)
{
    bool has_certificate = hub->certificate_file[0] != '\0';
    bool has_private_key = hub->private_key_file[0] != '\0';
    const struct config_provisioning *dps = &hub->provisioning;
    bool has_group_key = dps->node != NULL && dps->group_key_file[0] != '\0';
    int ways = (hub->key_file[0] != '\0') + has_certificate + has_group_key;
    if (has_certificate != has_private_key) {
        doc_error(report, hub->node, "certificate_file and private_key_file belong together");
    } else if (ways != 1) {
        doc_error(report, hub->node,
                  "%s; expected one of key_file, certificate_file with private_key_file, and "
                  "provisioning.group_key_file",
                  ways == 0 ? "nothing says how to prove who we are"
                            : "more than one way to prove who we are");
    }
}

static bool is_json(const char *text)
{
    struct json_reader reader;
    json_reader_init(&reader, bytes_of(text, strlen(text)), NULL);
    return json_skip(&reader) && json_end(&reader);
}

static void check_provisioning(struct config_report *report, struct config *config)
{
    struct config_hub *hub = &config->hub;
    struct config_provisioning *dps = &hub->provisioning;
    bool is_default = dps->registration_id[0] == '\0';
    dps->registration_id = is_default ? config->gateway.id : dps->registration_id;
    check_id(report,
             is_default ? key_or(config->gateway.node, "id") : key_or(dps->node, "registration_id"),
             dps->registration_id);
    check_host(report, key_or(dps->node, "dps_host"), dps->dps_host);
    if (!has_only(dps->id_scope, LETTERS_DIGITS "-_")) {
        doc_error(report, key_or(dps->node, "id_scope"),
                  "\"%.80s\" is no ID scope; expected one such as 0ne00ABCDEF", dps->id_scope);
    }
    if (dps->payload[0] != '\0' && !is_json(dps->payload)) {
        doc_error(report, key_or(dps->node, "payload"),
                  "is no JSON; expected a text such as \"{\\\"site\\\": 7}\"");
    }
    if (hub->host[0] != '\0') {
        doc_error(report, key_or(hub->node, "host"),
                  "the provisioning service says which hub; expected host or provisioning");
    }
    if (doc_member(hub->node, "device_id") != NULL) {
        doc_error(report, key_or(hub->node, "device_id"),
                  "the provisioning service says who we are; expected provisioning."
                  "registration_id instead");
    }
}

// "host", "host:port", either with a / behind; an IPv6 address in brackets.
static bool is_proxy_place(const char *text)
{
    bool is_literal = text[0] == '[';
    size_t size = is_literal ? strcspn(text, "]") : strcspn(text, ":/[]");
    if (size <= is_literal || (is_literal && text[size] != ']')) {
        return false;
    }
    const char *rest = text + size + is_literal;
    if (rest[0] == ':') {
        size_t digits = strspn(rest + 1, "0123456789");
        unsigned long port = digits <= 5 ? strtoul(rest + 1, NULL, 10) : 0;
        if (port < 1 || port > 65535) {
            return false;
        }
        rest += 1 + digits;
    }
    return rest[rest[0] == '/'] == '\0';
}

static void check_proxy(struct config_report *report, const struct config_hub *hub)
{
    const char *proxy = hub->proxy;
    size_t http = strncmp(proxy, "http://", 7) == 0 ? 7 : 0;
    size_t scheme = strncmp(proxy, "socks5://", 9) == 0 ? 9 : http;
    if (proxy[0] != '\0' && (scheme == 0 || !is_proxy_place(proxy + scheme) ||
                             !has_only(proxy + scheme, LETTERS_DIGITS "-._:[]/"))) {
        // The text may hold a login, so it is not repeated.
        doc_error(
            report, key_or(hub->node, "proxy"),
            "is no proxy; expected http://host:port or socks5://host:port, and a login in the "
            "file proxy_login_file");
    }
    if (proxy[0] == '\0' && hub->proxy_login_file[0] != '\0') {
        doc_error(report, key_or(hub->node, "proxy_login_file"), "has a meaning only with proxy");
    }
}

void config_check_hub(struct config_report *report, struct config *config)
{
    struct config_hub *hub = &config->hub;
    check_proof(report, hub);
    check_settings(report, hub);
    check_proxy(report, hub);
    check_host(report, key_or(hub->node, "host"), hub->host);
    if (hub->provisioning.node != NULL) {
        check_provisioning(report, config);
        return;
    }
    bool is_default = hub->device_id[0] == '\0';
    check_id(report,
             is_default ? key_or(config->gateway.node, "id") : key_or(hub->node, "device_id"),
             is_default ? config->gateway.id : hub->device_id);
    if (hub->host[0] == '\0' && hub->key_file[0] == '\0') {
        doc_error(report, hub->node, "nothing says which hub; expected host, or provisioning");
    }
}
