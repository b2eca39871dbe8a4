// SPDX-License-Identifier: Apache-2.0
// Preloaded into a process under test: a disk whose sync and a resolver whose answer take as long
// as SLOW_SYNC_S and SLOW_LOOKUP_S say; such a lookup then fails. With SLOW_FOLDER only while the
// file `sync` or `lookup` is there, and at most so long; each hang then appends its begin and its
// end to `hangs`, and of what it is.
// And a name that moves: MOVING_NAME has the address that stands in the file MOVING_FILE.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

typedef int lookup_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void tell(const char *folder, const char *what, const char *end, int64_t begin_us,
                 const char *of)
{
    char path[4096];
    char line[512];
    snprintf(path, sizeof(path), "%s/hangs", folder);
    int size = snprintf(line, sizeof(line), "%s %s %lld %lld %.256s\n", what, end,
                        (long long)begin_us, (long long)now_us(), of == NULL ? "-" : of);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)size) != size) {
        abort(); // a test without its judge proves nothing
    }
    close(fd);
}

// True if it hung.
static bool hang(const char *what, const char *variable, const char *of)
{
    const char *text = getenv(variable);
    const char *folder = getenv("SLOW_FOLDER");
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder == NULL ? "" : folder, what);
    if (text == NULL || (folder != NULL && access(path, F_OK) != 0)) {
        return false;
    }
    int64_t begin_us = now_us();
    int64_t end_us = begin_us + strtol(text, NULL, 10) * INT64_C(1000000);
    if (folder != NULL) {
        tell(folder, what, "begin", begin_us, of);
    }
    for (int64_t at_us = begin_us; at_us < end_us; at_us = now_us()) { // a signal ends no hang
        int64_t left_ms = (end_us - at_us) / 1000 + 1;
        if (folder != NULL && access(path, F_OK) != 0) {
            break;
        }
        (void)poll(NULL, 0, (int)(folder != NULL && left_ms > LOOK_MS ? LOOK_MS : left_ms));
    }
    if (folder != NULL) {
        tell(folder, what, "end", begin_us, of);
    }
    return true;
}

int fdatasync(int fd)
{
    (void)hang("sync", "SLOW_SYNC_S", NULL);
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    (void)hang("sync", "SLOW_SYNC_S", NULL);
    return (int)syscall(SYS_fsync, fd);
}

// True if the name moves: `out` is its address now.
static bool find_moving(const char *node, char *out, size_t capacity)
{
    const char *name = getenv("MOVING_NAME");
    const char *path = getenv("MOVING_FILE");
    if (node == NULL || name == NULL || path == NULL || strcmp(node, name) != 0) {
        return false;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, out, capacity - 1);
    if (size <= 0) {
        abort(); // a test without its judge proves nothing
    }
    close(fd);
    out[size] = '\0';
    return true;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    if (hang("lookup", "SLOW_LOOKUP_S", node)) {
        return EAI_AGAIN;
    }
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    lookup_fn *real = NULL;
    memcpy(&real, &symbol, sizeof(real)); // POSIX: a function's address fits an object pointer
    char moved[64];
    return real(find_moving(node, moved, sizeof(moved)) ? moved : node, service, hints, result);
}
