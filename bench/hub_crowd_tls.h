// SPDX-License-Identifier: Apache-2.0
// A TLS session for the crowd, apart from it: OpenSSL's names are not ours.
#ifndef BENCH_HUB_CROWD_TLS_H
#define BENCH_HUB_CROWD_TLS_H

struct ssl_st;

// The context is one of port/linux/tls_client.h; the session is the caller's.
struct ssl_st *crowd_tls_session(void *context);

#endif
