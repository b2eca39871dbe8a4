// SPDX-License-Identifier: Apache-2.0
#include "port/linux/fetch.h"

#include "port/linux/authorities.h"
#include "port/linux/file.h"
#include "port/linux/sha256.h"
#include "port/linux/tls_trust.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 30000,
    TOTAL_TIMEOUT_MS = 300000,
    REDIRECTS_MAX = 3,
    READ_SIZE = 16384,
    HTTP_OK = 200,
};

struct transfer {
    const struct fetch_request *request;
    int fd;
    size_t size;
    bool is_too_large;
    enum err write_err;
    struct sha256 *digest;
};

void fetch_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool is_stopped(const struct fetch_request *request)
{
    return request->stop != NULL && atomic_load(request->stop);
}

static enum err fail(char *reason, enum err err, const char *what)
{
    snprintf(reason, FETCH_REASON_SIZE, "%.*s", FETCH_REASON_SIZE - 1, what);
    return err;
}

static bool digest_is(struct sha256 *digest, const char *wanted)
{
    char hex[SHA256_HEX_SIZE + 1];
    return sha256_end(digest, hex) && strcmp(hex, wanted) == 0;
}

// Whether the file is there and is what its name says.
static bool is_cached(int folder_fd, const struct fetch_request *request, struct sha256 *digest)
{
    uint8_t block[READ_SIZE];
    int fd = -1;
    uint64_t at = 0;
    size_t got = sizeof(block);
    if (!sha256_begin(digest) || file_open(folder_fd, request->sha256, O_RDONLY, &fd) != OK) {
        return false;
    }
    bool is_good = true;
    while (is_good && got == sizeof(block)) {
        is_good = file_read_at(fd, at, block, sizeof(block), &got) == OK &&
                  sha256_add(digest, block, got);
        at += got;
    }
    file_close(&fd);
    return is_good && digest_is(digest, request->sha256);
}

static size_t on_body(char *data, size_t one, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t size = one * count;
    if (size > t->request->size_max - t->size) {
        t->is_too_large = true;
        return 0; // ends the transfer
    }
    struct bytes part = bytes_of(data, size);
    t->write_err = file_write(t->fd, &part, 1);
    if (t->write_err != OK || !sha256_add(t->digest, data, size)) {
        return 0;
    }
    t->size += size;
    return size;
}

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct transfer *t = ctx;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return is_stopped(t->request) ? 1 : 0;
}

// Names are looked up by the proxy, as tunnel.c has it.
static bool set_proxy(CURL *easy, const struct proxy *proxy)
{
    char host[PROXY_HOST_SIZE_MAX + 2];
    if (proxy == NULL) {
        return true;
    }
    snprintf(host, sizeof(host), strchr(proxy->host, ':') != NULL ? "[%s]" : "%s", proxy->host);
    long type = proxy->kind == PROXY_HTTP ? CURLPROXY_HTTP : CURLPROXY_SOCKS5_HOSTNAME;
    bool is_set = curl_easy_setopt(easy, CURLOPT_PROXY, host) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_PROXYPORT, (long)proxy->port) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_PROXYTYPE, type) == CURLE_OK &&
                  curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK;
    return is_set && (proxy->user[0] == '\0' ||
                      (curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, proxy->user) == CURLE_OK &&
                       curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, proxy->password) == CURLE_OK));
}

static CURLcode on_context(CURL *easy, void *context, void *authorities)
{
    (void)easy;
    return tls_trust(context, authorities) ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

// Nobody but these: what the library was built to trust is taken away. One that was built with
// another TLS library than ours reads them itself.
static bool set_authorities(CURL *easy, const char *path)
{
    bool is_ours = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) == CURLE_OK;
    bool is_folder = authorities_is_folder(path);
    return (!is_ours || curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, path) == CURLE_OK) &&
           curl_easy_setopt(easy, CURLOPT_CAINFO, is_ours || is_folder ? NULL : path) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAPATH, is_folder && !is_ours ? path : NULL) == CURLE_OK;
}

static bool set_up(CURL *easy, struct transfer *t, char *words)
{
    const struct fetch_request *r = t->request;
    return curl_easy_setopt(easy, CURLOPT_URL, r->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           set_authorities(easy, r->ca_file) &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TOTAL_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->size_max) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_XFERINFODATA, t) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words) == CURLE_OK;
}

static enum err download(struct transfer *t, char *reason)
{
    char words[CURL_ERROR_SIZE] = "";
    long status = 0;
    const char *problem = authorities_problem(t->request->ca_file);
    if (problem != NULL) {
        return fail(reason, ERR_IO, problem);
    }
    CURL *easy = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (easy != NULL && set_up(easy, t, words) && set_proxy(easy, t->request->proxy)) {
        code = curl_easy_perform(easy);
        if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK) {
            status = 0;
        }
    }
    curl_easy_cleanup(easy);
    if (is_stopped(t->request)) {
        return fail(reason, ERR_CLOSED, "stopped");
    }
    if (t->is_too_large || code == CURLE_FILESIZE_EXCEEDED) {
        snprintf(reason, FETCH_REASON_SIZE, "is larger than %zu bytes", t->request->size_max);
        return ERR_SIZE;
    }
    if (t->write_err != OK) {
        return fail(reason, ERR_IO, "cannot be stored");
    }
    if (code != CURLE_OK) {
        return fail(reason, ERR_IO, words[0] != '\0' ? words : curl_easy_strerror(code));
    }
    if (status != HTTP_OK) {
        snprintf(reason, FETCH_REASON_SIZE, "the server answered with status %ld", status);
        return ERR_IO;
    }
    if (!digest_is(t->digest, t->request->sha256)) {
        return fail(reason, ERR_CORRUPT, "the file has another SHA-256");
    }
    return OK;
}

// Old or new content, whatever happens: written aside, synced, renamed, folder synced.
static enum err fetch_aside(int folder_fd, struct transfer *t, char *reason)
{
    char aside[SHA256_HEX_SIZE + 8];
    snprintf(aside, sizeof(aside), ".%.64s", t->request->sha256);
    enum err err = file_open(folder_fd, aside, O_WRONLY | O_CREAT | O_TRUNC, &t->fd);
    if (err != OK) {
        return fail(reason, ERR_IO, "cannot be stored");
    }
    err = sha256_begin(t->digest) ? download(t, reason) : fail(reason, ERR_IO, "no memory");
    if (err == OK && file_sync_data(t->fd) != OK) {
        err = fail(reason, ERR_IO, "cannot be stored");
    }
    file_close(&t->fd);
    if (err == OK && (renameat(folder_fd, aside, folder_fd, t->request->sha256) != 0 ||
                      file_sync_folder(folder_fd) != OK)) {
        err = fail(reason, ERR_IO, "cannot be stored");
    }
    if (err != OK) {
        (void)unlinkat(folder_fd, aside, 0);
    }
    return err;
}

enum err fetch_file(const struct fetch_request *request, char reason[FETCH_REASON_SIZE])
{
    int folder_fd = -1;
    reason[0] = '\0';
    if (strlen(request->sha256) != SHA256_HEX_SIZE || strchr(request->sha256, '/') != NULL) {
        return fail(reason, ERR_ARG, "is no SHA-256");
    }
    if ((mkdir(request->folder, 0750) != 0 && errno != EEXIST) ||
        file_open(AT_FDCWD, request->folder, O_RDONLY | O_DIRECTORY, &folder_fd) != OK) {
        return fail(reason, ERR_IO, "the cache folder cannot be opened");
    }
    struct transfer t = {.request = request, .fd = -1, .digest = sha256_new()};
    enum err err = OK;
    if (t.digest == NULL) {
        err = fail(reason, ERR_IO, "no memory");
    } else if (!is_cached(folder_fd, request, t.digest)) {
        err = fetch_aside(folder_fd, &t, reason);
    }
    sha256_free(t.digest);
    file_close(&folder_fd);
    return err;
}

void fetch_keep(const char *folder, const char *const *hashes, size_t count)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        bool is_kept = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        for (size_t i = 0; i < count && !is_kept; i++) {
            is_kept = strcmp(entry->d_name, hashes[i]) == 0;
        }
        if (!is_kept) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}
