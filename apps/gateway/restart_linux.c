// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/restart_linux.h"

#include "port/linux/log.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_OWN_FD = 3 };

// A process begins once.
static char **arguments;
static char program[PATH_MAX];
static sigset_t mask;

void restart_remember(char **argv)
{
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[size > 0 ? size : 0] = '\0';
    arguments = argv;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
}

enum err restart_now(void)
{
    if (arguments == NULL) {
        return ERR_STATE;
    }
    // What a library opened without the flag must not live on in the new program.
    if (close_range(FIRST_OWN_FD, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
        log_warn("gateway", "restart", "problem=%s", log_quote(strerror(errno)).text);
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    // By name first: an update has put another program there. Else the one that runs.
    (void)execv(program, arguments);
    int problem = errno;
    (void)execv("/proc/self/exe", arguments);
    log_error("gateway", "restart", "program=%s problem=%s", log_quote(program).text,
              log_quote(strerror(problem)).text);
    return ERR_IO;
}
