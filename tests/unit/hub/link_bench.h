// SPDX-License-Identifier: Apache-2.0
// Short words for tests of the link, over a hub_bench; each fails the test that uses it.
#ifndef HUB_LINK_BENCH_H
#define HUB_LINK_BENCH_H

#include "tests/unit/hub/hub_bench.h"

#define BOOT "000000000000b007"
#define UP   "{\"auth\":\"sas\",\"clean\":true,\"subscriptions\":0}"
#define GET  "$iothub/twin/GET/?$rid=7"

struct bytes text(const char *string);
void arrive(struct hub_bench *bench, const void *client, const char *id, bool is_clean);
void subscribe(struct hub_bench *bench, const void *client, const char *id, const char *filter);
void open_link(struct hub_bench *bench);
void close_link(struct hub_bench *bench);
// As the backend.
enum hub_outcome say(struct hub_bench *bench, const char *topic, struct bytes payload);
// As the device a, with some body.
enum hub_outcome ask(struct hub_bench *bench, const void *client, const char *topic);
// The next output is this, and to the backend.
void expect(struct hub_bench *bench, const char *topic, const char *payload);
int drain(struct hub_bench *bench); // how many outputs there were

#endif
