// SPDX-License-Identifier: Apache-2.0
// Goes the way to a TLS server step by step, for a person who wants to know which step fails.
// Blocking: for command lines.
#ifndef PORT_LINUX_TLS_PROBE_H
#define PORT_LINUX_TLS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

enum tls_probe_step { TLS_PROBE_NAME, TLS_PROBE_TCP, TLS_PROBE_TLS, TLS_PROBE_STEPS };

struct tls_probe {
    const char *host;    // what the certificate must carry
    const char *address; // where to connect; NULL or "": host
    uint16_t port;
    const char *ca_file;
    uint32_t timeout_ms; // of each step but the name lookup
};

struct tls_probe_result {
    enum tls_probe_step step; // that failed; TLS_PROBE_STEPS: none
    char address[64];         // that was connected to
    char detail[160];         // of the TLS session, or why the step failed
};

void tls_probe_run(const struct tls_probe *probe, struct tls_probe_result *out);

#endif
