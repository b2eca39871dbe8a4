// SPDX-License-Identifier: Apache-2.0
// busward-hub on Linux: which command.
#include "apps/hub/backend/commands.h"
#include "apps/hub/backend/serve.h"
#include "port/linux/options.h"

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
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        options_version("busward-hub");
        return 0;
    }
    int status = argc >= 2 ? commands_main(argc - 1, argv + 1) : -1;
    if (status < 0 && argc >= 2) {
        fprintf(stderr, "busward-hub: no command \"%s%s%s\"\n", argv[1], argc >= 3 ? " " : "",
                argc >= 3 ? argv[2] : "");
    }
    return status >= 0 ? status : usage(stderr);
}
