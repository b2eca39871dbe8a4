// SPDX-License-Identifier: Apache-2.0
// busward-hub on Linux: which command.
#include "apps/hub/backend/commands.h"
#include "apps/hub/backend/serve.h"

#include <stdio.h>
#include <string.h>

static int usage(FILE *to)
{
    fputs("usage: busward-hub serve --data-dir D --hub-link SOCKET [--help for more]\n", to);
    commands_usage(to);
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "serve") == 0) {
        return serve_main(argc - 1, argv + 1);
    }
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout);
    }
    int status = argc >= 2 ? commands_main(argc - 1, argv + 1) : -1;
    return status >= 0 ? status : usage(stderr);
}
