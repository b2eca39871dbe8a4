// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/proxy_linux.h"

#include "apps/gateway/north/credentials_linux.h"
#include "port/linux/log.h"

#include <string.h>

enum err proxy_read(const char *address, const char *login_file, struct proxy *out)
{
    if (proxy_parse(address, out) != OK) {
        log_error("uplink", "proxy",
                  "problem=\"hub.proxy is http://host:port or "
                  "socks5://host:port, and the login stands in the file "
                  "hub.proxy_login_file\"");
        return ERR_ARG;
    }
    if (login_file == NULL || login_file[0] == 0) {
        return OK;
    }
    uint8_t text[CREDENTIAL_SIZE_MAX];
    size_t size = 0;
    enum err err = credential_read(login_file, text, &size);
    if (err == OK && proxy_parse_login(bytes_of(text, size), out) != OK) {
        log_error("uplink", "proxy",
                  "file=%s problem=\"not user:password with at most 255 bytes "
                  "each\"",
                  log_quote(login_file).text);
        err = ERR_ARG;
    }
    explicit_bzero(text, sizeof(text));
    return err;
}
