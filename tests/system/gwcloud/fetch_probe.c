// SPDX-License-Identifier: Apache-2.0
// Fetches one file: fetch_probe URL SHA256 FOLDER CA_FILE SIZE_MAX; prints the error's name and
// why.
#include "port/linux/fetch.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char reason[FETCH_REASON_SIZE];
    if (argc != 6) {
        return 2;
    }
    fetch_init();
    enum err err = fetch_file(&(struct fetch_request){.url = argv[1],
                                                      .sha256 = argv[2],
                                                      .folder = argv[3],
                                                      .ca_file = argv[4],
                                                      .size_max = strtoul(argv[5], NULL, 10)},
                              reason);
    printf("%s: %s\n", err == OK ? "ok" : err_name(err), reason);
    return 0;
}
