// SPDX-License-Identifier: Apache-2.0
// Preloaded into a process under test: a disk whose sync and a resolver whose answer take as long
// as the environment says.
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>

#include <sys/syscall.h>
#include <unistd.h>

int slow_seconds(const char *name);

int slow_seconds(const char *name)
{
    const char *text = getenv(name);
    (void)poll(NULL, 0, text == NULL ? 0 : (int)strtol(text, NULL, 10) * 1000);
    return 0;
}

int fdatasync(int fd)
{
    slow_seconds("SLOW_SYNC_S");
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    slow_seconds("SLOW_SYNC_S");
    return (int)syscall(SYS_fsync, fd);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    (void)node;
    (void)service;
    (void)hints;
    (void)result;
    slow_seconds("SLOW_LOOKUP_S");
    return EAI_AGAIN;
}
