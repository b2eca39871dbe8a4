// SPDX-License-Identifier: Apache-2.0
// A configuration from texts in memory, loaded as from files.
#ifndef TESTS_GATEWAY_FIXTURE_H
#define TESTS_GATEWAY_FIXTURE_H

#include "apps/gateway/poll/points.h"

struct fixture {
    struct arena arena;
    struct config_report report;
    struct config config;
    struct points points;
};

// The configuration is "test.json", its profile "profiles/p.json". Fails the test if not OK.
void fixture_open(struct fixture *fixture, const char *config, const char *profile);
void fixture_close(struct fixture *fixture);

#endif
