// SPDX-License-Identifier: Apache-2.0
// Fetches one file: fetch_probe URL SHA256 FOLDER CA_FILE SIZE_MAX [PROXY LOGIN]; prints the
// error's name and why.
#include "port/linux/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char reason[FETCH_REASON_SIZE];
    struct proxy proxy;
    bool has_proxy = argc == 8 && proxy_parse(argv[6], &proxy) == OK;
    if (argc != 6 && !has_proxy) {
        return 2;
    }
    if (has_proxy && proxy_parse_login(bytes_of(argv[7], strlen(argv[7])), &proxy) != OK) {
        return 2;
    }
    fetch_init();
    enum err err = fetch_file(&(struct fetch_request){.url = argv[1],
                                                      .sha256 = argv[2],
                                                      .folder = argv[3],
                                                      .ca_file = argv[4],
                                                      .proxy = has_proxy ? &proxy : NULL,
                                                      .size_max = strtoul(argv[5], NULL, 10)},
                              reason);
    printf("%s: %s\n", err == OK ? "ok" : err_name(err), reason);
    return 0;
}
