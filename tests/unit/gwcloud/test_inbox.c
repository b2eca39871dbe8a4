// SPDX-License-Identifier: Apache-2.0
// Goal: each message of the hub reaches the machine that it concerns and no other, and what the
// machines send leaves in turn. Method: three machines that write down what they are told.
#include "apps/gateway/north/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct machine {
    unsigned online, offline, ticks;
    enum az_topic_kind last;
    unsigned messages;
    unsigned to_send;
    uint64_t deadline_us;
    int32_t status; // marks what it sends
};

static struct machine machines[INBOX_USERS];
static struct inbox inbox;

static void on_online(void *ctx, uint64_t now_us)
{
    (void)now_us;
    ((struct machine *)ctx)->online++;
}

static void on_offline(void *ctx, uint64_t now_us)
{
    (void)now_us;
    ((struct machine *)ctx)->offline++;
}

static void on_message(void *ctx, uint64_t now_us, const struct az_topic *topic, struct bytes body)
{
    (void)now_us;
    struct machine *machine = ctx;
    machine->last = topic->kind;
    machine->messages++;
    assert_int_equal(body.size, 4);
}

static void on_tick(void *ctx, uint64_t now_us)
{
    (void)now_us;
    ((struct machine *)ctx)->ticks++;
}

static uint64_t get_deadline_us(const void *ctx)
{
    return ((const struct machine *)ctx)->deadline_us;
}

static bool on_next(void *ctx, uint64_t now_us, struct inbox_out *out)
{
    (void)now_us;
    struct machine *machine = ctx;
    if (machine->to_send == 0) {
        return false;
    }
    machine->to_send--;
    *out = (struct inbox_out){.topic = {.kind = AZ_METHOD_ANSWER, .status = machine->status}};
    return true;
}

static const struct inbox_ops ops = {.online = on_online,
                                     .offline = on_offline,
                                     .message = on_message,
                                     .tick = on_tick,
                                     .deadline_us = get_deadline_us,
                                     .next = on_next};

static void begin(void)
{
    inbox_init(&inbox, "gw");
    for (int i = 0; i < INBOX_USERS; i++) {
        machines[i] = (struct machine){.deadline_us = TIME_NEVER, .status = i};
        inbox_plug(&inbox, (enum inbox_user)i, &ops, &machines[i]);
    }
}

static enum inbox_verdict give(const char *topic)
{
    return inbox_message(&inbox, 0, bytes_of(topic, strlen(topic)), bytes_of("body", 4));
}

static void test_each_message_goes_to_its_machine(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        enum inbox_user user;
        enum az_topic_kind kind;
    } cases[] = {
        {"$iothub/twin/res/200/?$rid=1", INBOX_TWIN, AZ_TWIN_ANSWER},
        {"$iothub/twin/PATCH/properties/desired/?$version=3", INBOX_TWIN, AZ_TWIN_DESIRED},
        {"$iothub/methods/POST/identify/?$rid=7", INBOX_METHODS, AZ_METHOD_CALL},
        {"devices/gw/messages/devicebound/nudge=sync", INBOX_NUDGE, AZ_C2D},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        assert_int_equal(give(cases[i].topic), INBOX_TAKEN);
        for (int user = 0; user < INBOX_USERS; user++) {
            assert_int_equal(machines[user].messages, user == (int)cases[i].user);
        }
        assert_int_equal(machines[cases[i].user].last, cases[i].kind);
    }
}

static void test_nobody_gets_what_is_not_for_us(void **state)
{
    (void)state;
    begin();
    assert_int_equal(give("devices/other/messages/devicebound/"), INBOX_FOREIGN);
    assert_int_equal(give("devices/gw/modules/m/messages/devicebound/"), INBOX_FOREIGN);
    assert_int_equal(give("devices/gw2/messages/devicebound/"), INBOX_FOREIGN);
    assert_int_equal(give("devices/gw/messages/events/"), INBOX_UNKNOWN);
    assert_int_equal(give("$iothub/methods/res/200/?$rid=1"), INBOX_UNKNOWN);
    assert_int_equal(give("$dps/registrations/res/200/?$rid=1"), INBOX_UNKNOWN);
    assert_int_equal(give(""), INBOX_UNKNOWN);
    inbox_init(&inbox, "gw");
    assert_int_equal(give("$iothub/methods/POST/identify/?$rid=7"), INBOX_NOBODY);
    for (int i = 0; i < INBOX_USERS; i++) {
        assert_int_equal(machines[i].messages, 0);
    }
}

static void test_too_many_requests_is_counted(void **state)
{
    (void)state;
    begin();
    assert_int_equal(give("$iothub/twin/res/429/?$rid=1"), INBOX_TAKEN);
    assert_int_equal(inbox.stats.throttled, 1);
    assert_int_equal(give("$iothub/twin/res/200/?$rid=2"), INBOX_TAKEN);
    assert_int_equal(inbox.stats.throttled, 1);
}

static void test_machines_send_in_turn_and_only_online(void **state)
{
    (void)state;
    begin();
    struct inbox_out out;
    machines[INBOX_TWIN].to_send = 3;
    machines[INBOX_NUDGE].to_send = 2;
    assert_false(inbox_next(&inbox, 0, &out));
    inbox_online(&inbox, 0);
    static const int expected[] = {INBOX_TWIN, INBOX_NUDGE, INBOX_TWIN, INBOX_NUDGE, INBOX_TWIN};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(inbox_next(&inbox, 0, &out));
        assert_int_equal(out.topic.status, expected[i]);
    }
    assert_false(inbox_next(&inbox, 0, &out));
    machines[INBOX_TWIN].to_send = 1;
    inbox_offline(&inbox, 0);
    assert_false(inbox_next(&inbox, 0, &out));
    assert_int_equal(machines[INBOX_METHODS].online, 1);
    assert_int_equal(machines[INBOX_METHODS].offline, 1);
}

static void test_the_earliest_deadline_counts(void **state)
{
    (void)state;
    begin();
    assert_int_equal(inbox_deadline_us(&inbox), TIME_NEVER);
    machines[INBOX_METHODS].deadline_us = 7;
    machines[INBOX_NUDGE].deadline_us = 9;
    assert_int_equal(inbox_deadline_us(&inbox), 7);
    inbox_tick(&inbox, 7);
    assert_int_equal(machines[INBOX_TWIN].ticks + machines[INBOX_NUDGE].ticks, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_message_goes_to_its_machine),
        cmocka_unit_test(test_nobody_gets_what_is_not_for_us),
        cmocka_unit_test(test_too_many_requests_is_counted),
        cmocka_unit_test(test_machines_send_in_turn_and_only_online),
        cmocka_unit_test(test_the_earliest_deadline_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
