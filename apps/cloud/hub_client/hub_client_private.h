// SPDX-License-Identifier: Apache-2.0
// What the client's two files share: the thread's side (hub_client.c) and one request on its way by
// libcurl (hub_transfer.c).
#ifndef CLOUD_HUB_CLIENT_PRIVATE_H
#define CLOUD_HUB_CLIENT_PRIVATE_H

#include "apps/cloud/hub_client/hub_client.h"

#include <curl/curl.h>
#include <pthread.h>

enum { HUB_HEADER_SIZE = 64, HUB_REQUEST_SIZE = HUB_BODY_MAX + 1024 };

struct hub_transfer {
    struct hub_call *call; // NULL: free
    CURL *easy;
    struct curl_slist *headers;
    char url[HUB_URL_SIZE];
    char error[CURL_ERROR_SIZE];
    char *request; // HUB_REQUEST_SIZE
    size_t request_size;
    char *answer;
    size_t answer_size;
    size_t answer_capacity;
    bool is_too_large;
    char error_code[HUB_HEADER_SIZE];
    char retry_after[HUB_HEADER_SIZE];
    char etag[HUB_ETAG_SIZE];
    char continuation[HUB_CONTINUATION_SIZE];
};

struct hub_client {
    struct hub_client_config cfg;
    char url[SERVICE_NAME_SIZE + 16]; // without a final slash
    char host[SERVICE_NAME_SIZE];     // that the token names
    char policy[SERVICE_NAME_SIZE];
    struct service_token token;
    struct hub_transfer transfers[HUB_RUNNING_MAX];
    CURLM *multi;
    pthread_t thread;
    bool has_thread;
    int fd;
    struct hub_client_stats stats;
    // The thread's:
    struct hub_call *pending[HUB_CALLS_MAX]; // waiting for a place, or for another try
    unsigned pending_count;
    uint64_t random;
    // Between threads:
    pthread_mutex_t lock;
    struct hub_call *queue[HUB_CALLS_MAX];
    unsigned queue_count;
    struct hub_call *done[HUB_CALLS_MAX];
    unsigned done_count;
    unsigned under_way;
    bool must_stop;
};

// The key file into *key; *why: words, static storage.
NODISCARD enum err hub_key_read(const char *path, struct service_key *key, const char **why);
// ERR_FULL: no memory; else as the call's parts.
NODISCARD enum err hub_transfer_begin(struct hub_client *client, struct hub_transfer *transfer,
                                      struct hub_call *call);
// Reads what came into the call and frees the place.
void hub_transfer_end(struct hub_client *client, struct hub_transfer *transfer, CURLcode code);

#endif
