// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/hub/link_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int backend;

struct bytes text(const char *string)
{
    return hub_bench_text(string);
}

void arrive(struct hub_bench *bench, const void *client, const char *id, bool is_clean)
{
    struct hub_connect in = hub_bench_connect(bench, client, id, 1);
    in.is_clean = is_clean;
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
}

void subscribe(struct hub_bench *bench, const void *client, const char *id, const char *filter)
{
    assert_int_equal(hub_subscribe(&bench->hub, client, text(id), text(filter), 1).outcome, HUB_OK);
}

void open_link(struct hub_bench *bench)
{
    struct hub_connect in = {
        .client = &backend, .client_id = text(HUB_LINK_CLIENT), .is_local = true};
    assert_int_equal(hub_connect(&bench->hub, &in).outcome, HUB_OK);
}

enum hub_outcome say(struct hub_bench *bench, const char *topic, struct bytes payload)
{
    return hub_bench_publish(bench, &backend, HUB_LINK_CLIENT, topic, payload).outcome;
}

enum hub_outcome ask(struct hub_bench *bench, const void *client, const char *topic)
{
    return hub_bench_publish(bench, client, "a", topic, text("body")).outcome;
}

void expect(struct hub_bench *bench, const char *topic, const char *payload)
{
    struct hub_out out = hub_bench_next(bench);
    assert_true(hub_bench_is(&out, HUB_LINK_CLIENT, topic, payload));
    assert_int_equal(out.qos, 0);
}

int drain(struct hub_bench *bench)
{
    struct hub_out out;
    int count = 0;
    while (hub_next(&bench->hub, &out)) {
        count++;
    }
    return count;
}

void close_link(struct hub_bench *bench)
{
    hub_disconnect(&bench->hub, &backend, text(HUB_LINK_CLIENT));
}
