// SPDX-License-Identifier: Apache-2.0
// Makes mosquitto's TLS listeners ask for a client certificate without demanding one: it knows only
// never and always. What is shown is believed by nobody here; hub_login judges it.
#ifndef HUB_PLUGIN_TLS_H
#define HUB_PLUGIN_TLS_H

#include "apps/hub/certificate.h"

struct mosquitto;

// Installs the hook for the process. ERR_FULL: OpenSSL had no room.
NODISCARD enum err hub_tls_install(void);
void hub_tls_remove(void);

// The certificate of that client, to be given back with hub_tls_release. False: none was shown.
bool hub_tls_certificate(const struct mosquitto *client, struct hub_certificate *out);
void hub_tls_release(struct hub_certificate *certificate);

#endif
