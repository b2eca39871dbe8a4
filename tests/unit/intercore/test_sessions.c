// SPDX-License-Identifier: Apache-2.0
// Goal: each side takes what is for this boot, this session and this place in it, and says clearly
// why it does not take the rest. Method: one side at a time, the other's messages written by hand.
#include "intercore/core_session.h"
#include "intercore/host_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

enum { HOST = 77, CORE = 55 };

static struct bytes written(const struct ic_message *message)
{
    static uint8_t bytes[IC_MESSAGE_MAX];
    struct writer out = writer_of(bytes, sizeof bytes);
    assert_int_equal(ic_encode(message, &out), OK);
    return writer_bytes(&out);
}

static struct ic_message hello(uint32_t from, uint32_t to, enum ic_hello_reason reason)
{
    return (struct ic_message){.head = {.kind = IC_HELLO, .from = from, .to = to},
                               .u.hello = {.version_min = 1,
                                           .version_max = 1,
                                           .reason = (uint8_t)reason,
                                           .queue_length = 2,
                                           .message_max = IC_MESSAGE_MAX}};
}

static struct ic_message plain(enum ic_kind kind, uint32_t from, uint32_t to, uint16_t sequence)
{
    return (struct ic_message){
        .head = {.kind = (uint8_t)kind, .from = from, .to = to, .sequence = sequence}};
}

// What the core says next, or kind 0.
static struct ic_message next_of_core(struct ic_core *core)
{
    static uint8_t bytes[IC_MESSAGE_MAX];
    struct writer out = writer_of(bytes, sizeof bytes);
    struct ic_message message = {.head = {.kind = 0}};
    if (ic_core_next(core, 0, &out)) {
        assert_int_equal(ic_decode(writer_bytes(&out), &message), OK);
    }
    return message;
}

static void start_core(struct ic_core *core)
{
    const struct ic_core_cfg cfg = {.boot_id = CORE, .queue_length = 2, .firmware = "unit"};
    struct ic_message in = hello(HOST, 0, IC_HELLO_START);
    struct ic_message out;
    ic_core_init(core, &cfg);
    assert_int_equal(next_of_core(core).u.hello.reason, IC_HELLO_START);
    assert_false(ic_core_message(core, 0, written(&in), &out));
    out = next_of_core(core);
    assert_int_equal(out.u.hello.reason, IC_HELLO_ANSWER);
    assert_int_equal(out.head.to, HOST);
    assert_int_equal(core->host, HOST);
}

static bool core_takes(struct ic_core *core, const struct ic_message *in)
{
    struct ic_message out;
    return ic_core_message(core, 1000, written(in), &out);
}

static void test_the_core_takes_its_own_session_in_order(void **state)
{
    (void)state;
    static const struct {
        uint32_t from, to;
        uint16_t sequence;
        enum ic_hello_reason reason;
        bool is_over;
    } CASES[] = {
        {HOST + 1, CORE, 2, IC_HELLO_STALE, false}, // another host, or an earlier session of it
        {HOST, CORE + 1, 2, IC_HELLO_STALE, false}, // for the boot before
        {HOST, CORE, 3, IC_HELLO_GAP, true},        // one was lost
        {HOST, CORE, 1, IC_HELLO_GAP, true},        // one came twice
    };
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct ic_core core;
        start_core(&core);
        uint32_t session = core.session;
        struct ic_message in = plain(IC_RESUME, HOST, CORE, 1);
        assert_true(core_takes(&core, &in));
        in = plain(IC_RESUME, CASES[i].from, CASES[i].to, CASES[i].sequence);
        assert_false(core_takes(&core, &in));
        struct ic_message out = next_of_core(&core);
        assert_int_equal(out.head.kind, IC_HELLO);
        assert_int_equal(out.u.hello.reason, CASES[i].reason);
        assert_int_equal(out.head.to, CASES[i].from);
        assert_int_equal(core.session != session, CASES[i].is_over);
        assert_int_equal(core.host, CASES[i].is_over ? 0 : HOST);
        assert_int_equal(core.bad, 1);
    }
}

static void test_the_core_says_what_it_does_not_understand(void **state)
{
    (void)state;
    struct ic_core core;
    start_core(&core);
    struct ic_message in = plain(IC_RESUME, HOST, CORE, 1);
    struct ic_message out;
    uint8_t bytes[IC_HEAD_SIZE];
    static const struct {
        uint8_t version, kind;
        enum ic_refusal reason;
    } CASES[] = {{2, IC_RESUME, IC_REFUSED_VERSION},
                 {1, IC_KIND_COUNT, IC_REFUSED_KIND},
                 {1, IC_CANCEL, IC_REFUSED_MALFORMED},
                 {1, IC_STATS_ASK, 0}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        in.head.sequence = (uint16_t)(i + 1);
        memcpy(bytes, written(&in).data, sizeof bytes);
        bytes[0] = CASES[i].version;
        bytes[1] = CASES[i].kind;
        bool is_taken = ic_core_message(&core, 0, bytes_of(bytes, sizeof bytes), &out);
        assert_int_equal(is_taken, CASES[i].reason == 0);
        out = next_of_core(&core);
        assert_int_equal(out.head.kind, CASES[i].reason == 0 ? 0 : IC_REFUSED);
        if (CASES[i].reason != 0) {
            assert_int_equal(out.u.refused.reason, CASES[i].reason);
            assert_int_equal(out.u.refused.kind, CASES[i].kind);
        }
    }
    // A refusal is never refused, or it would never end.
    in = plain(IC_REFUSED, HOST, CORE, 5);
    in.u.refused.reason = IC_REFUSED_KIND;
    assert_false(core_takes(&core, &in));
    assert_int_equal(next_of_core(&core).head.kind, 0);
}

static void test_the_core_serves_no_host_of_another_version(void **state)
{
    (void)state;
    struct ic_core core;
    start_core(&core);
    struct ic_message in = hello(HOST + 5, 0, IC_HELLO_START);
    in.u.hello.version_min = 2;
    in.u.hello.version_max = 3;
    assert_false(core_takes(&core, &in));
    struct ic_message out = next_of_core(&core);
    assert_int_equal(out.u.hello.version_max, IC_VERSION);
    assert_int_equal(core.host, 0);
}

static void test_the_core_is_alone_when_the_host_is_silent(void **state)
{
    (void)state;
    struct ic_core core;
    start_core(&core);
    struct ic_message in = plain(IC_RESUME, HOST, CORE, 1);
    assert_true(core_takes(&core, &in)); // at 1000
    uint32_t session = core.session;
    assert_int_equal(ic_core_deadline_us(&core), 1000 + IC_HOST_SILENT_US);
    ic_core_tick(&core, 1000 + IC_HOST_SILENT_US - 1);
    assert_int_equal(core.host, HOST);
    ic_core_tick(&core, 1000 + IC_HOST_SILENT_US);
    assert_int_equal(core.host, 0);
    assert_int_not_equal(core.session, session);
    assert_true(core.timed_out);
}

struct pair {
    struct ic_host host;
    uint16_t sequence; // of the core
    struct ic_message last;
    uint32_t kinds[IC_KIND_COUNT]; // that the host said
};

static void listen(struct pair *pair, uint64_t now_us)
{
    static uint8_t bytes[IC_MESSAGE_MAX];
    for (;;) {
        struct writer out = writer_of(bytes, sizeof bytes);
        if (!ic_host_message_next(&pair->host, now_us, &out)) {
            return;
        }
        assert_int_equal(ic_decode(writer_bytes(&out), &pair->last), OK);
        pair->kinds[pair->last.head.kind]++;
    }
}

static void core_says(struct pair *pair, uint64_t now_us, struct ic_message message)
{
    message.head.from = CORE;
    message.head.to = pair->host.boot_id;
    message.head.sequence = message.head.kind == IC_HELLO ? 0 : pair->sequence;
    pair->sequence = (uint16_t)(message.head.sequence + 1);
    ic_host_message(&pair->host, now_us, written(&message));
}

static void start_host(struct pair *pair)
{
    const struct ic_host_cfg cfg = {
        .seed = 1, .name = "unit", .setup = {.baud = 19200, .stop_bits = 1}};
    struct ic_host_out out;
    *pair = (struct pair){.sequence = 0};
    ic_host_init(&pair->host, &cfg);
    ic_host_link(&pair->host, 1000, true);
    listen(pair, 1000);
    assert_int_equal(pair->kinds[IC_HELLO], 1);
    core_says(pair, 1000, hello(CORE, 0, IC_HELLO_ANSWER));
    listen(pair, 1000);
    assert_int_equal(pair->kinds[IC_LINE_SETUP], 1);
    for (uint32_t i = 0; i < IC_SYNCS_FOR_UP; i++) {
        assert_int_equal(pair->kinds[IC_SYNC_ASK], i + 1);
        struct ic_message sync = {.head = {.kind = IC_SYNC}};
        sync.u.sync = (struct ic_sync){.asked_us = 1000, .received_us = 9000, .sent_us = 9000};
        core_says(pair, 1000, sync);
        listen(pair, 1000);
    }
    struct ic_message line = {.head = {.kind = IC_LINE_STATE}};
    line.u.line_state = (struct ic_line_state){.id = pair->host.cfg.setup.id, .char_ns = 572917};
    core_says(pair, 1000, line);
    listen(pair, 1000);
    assert_int_equal(pair->host.state, IC_HOST_UP);
    assert_true(ic_host_next(&pair->host, &out));
    assert_int_equal(out.kind, IC_HOST_OUT_UP);
}

static void test_the_host_starts_anew_when_a_message_is_missing(void **state)
{
    (void)state;
    struct pair pair;
    struct ic_host_out out;
    start_host(&pair);
    uint32_t before = pair.host.boot_id;
    pair.sequence++;
    core_says(&pair, 2000, (struct ic_message){.head = {.kind = IC_LOG}});
    assert_int_equal(pair.host.state, IC_HOST_HELLO);
    assert_int_equal(pair.host.trouble, IC_TROUBLE_GAP);
    assert_int_not_equal(pair.host.boot_id, before);
    assert_true(ic_host_next(&pair.host, &out));
    assert_int_equal(out.kind, IC_HOST_OUT_DOWN);
    // What the core still says to the last session means nothing.
    struct ic_message late = plain(IC_LOG, CORE, before, 9);
    ic_host_message(&pair.host, 2000, written(&late));
    assert_false(ic_host_next(&pair.host, &out));
    assert_int_equal(pair.host.state, IC_HOST_HELLO);
}

static void test_the_host_gives_no_more_than_its_credits(void **state)
{
    (void)state;
    struct pair pair;
    struct ic_host_out out;
    start_host(&pair);
    for (uint32_t i = 0; i < 5; i++) {
        const struct ic_send send = {.token = i, .frame = bytes_of("frame", 5)};
        assert_int_equal(ic_host_send(&pair.host, &send), OK);
    }
    listen(&pair, 2000);
    assert_int_equal(pair.kinds[IC_SEND], 2); // as HELLO said
    struct ic_message done = {.head = {.kind = IC_DONE}};
    done.u.done =
        (struct ic_done){.token = 0, .outcome = 2, .tx_first_us = 9500, .tx_end_us = 9600};
    core_says(&pair, 2000, done);
    assert_true(ic_host_next(&pair.host, &out));
    assert_int_equal(out.done.token, 0);
    assert_in_range(out.done.tx_end_us, 1600 - out.error_us, 1600 + out.error_us);
    listen(&pair, 2000);
    assert_int_equal(pair.kinds[IC_SEND], 3);
    assert_int_equal(pair.last.u.send.token, 2);
    // A DONE for what the core does not have ends it all: five accepted, one DONE, four lost, and
    // that the line is down is said before anybody could ask again.
    core_says(&pair, 2000, done);
    assert_true(ic_host_next(&pair.host, &out));
    assert_int_equal(out.kind, IC_HOST_OUT_DOWN);
    for (uint32_t i = 1; i < 5; i++) {
        assert_true(ic_host_next(&pair.host, &out));
        assert_int_equal(out.done.token, i);
        assert_int_equal(out.done.outcome, IC_OUTCOME_PORT_LOST);
    }
    assert_int_equal(pair.host.trouble, IC_TROUBLE_NONSENSE);
}

static void test_a_frame_that_gets_no_outcome_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct pair pair;
    start_host(&pair);
    const struct ic_send send = {.reply_timeout_us = 1000, .frame = bytes_of("frame", 5)};
    assert_int_equal(ic_host_send(&pair.host, &send), OK);
    for (uint64_t now_us = 2000; now_us < 30 * US_PER_S; now_us += US_PER_S) {
        listen(&pair, now_us);
        if (pair.host.state == IC_HOST_UP) { // the core lives, and says so
            core_says(&pair, now_us, (struct ic_message){.head = {.kind = IC_LOG}});
        }
        ic_host_tick(&pair.host, now_us);
        if (pair.host.trouble == IC_TROUBLE_OVERDUE) {
            assert_in_range(now_us, IC_OVERDUE_US, IC_OVERDUE_US + 5 * US_PER_S);
            return;
        }
    }
    fail();
}

static void test_another_version_is_told_with_its_numbers(void **state)
{
    (void)state;
    struct pair pair;
    struct ic_host_out out;
    const struct ic_host_cfg cfg = {.seed = 1, .name = "unit", .setup = {.stop_bits = 1}};
    pair = (struct pair){.sequence = 0};
    ic_host_init(&pair.host, &cfg);
    ic_host_link(&pair.host, 1000, true);
    struct ic_message message = hello(CORE, 0, IC_HELLO_ANSWER);
    message.u.hello.version_min = 4;
    message.u.hello.version_max = 6;
    message.u.hello.firmware = bytes_of("9\n9", 3);
    core_says(&pair, 1000, message);
    assert_true(ic_host_next(&pair.host, &out));
    assert_int_equal(out.trouble, IC_TROUBLE_VERSION);
    assert_int_equal(pair.host.core_hello.version_max, 6);
    assert_string_equal(pair.host.firmware, "9?9"); // what goes into a log is printable
    ic_host_tick(&pair.host, US_PER_MIN);
    assert_false(ic_host_next(&pair.host, &out)); // and no worse reason follows
}

static void test_a_core_that_lets_no_frame_in_is_no_core(void **state)
{
    (void)state;
    struct pair pair = {.sequence = 0};
    struct ic_host_out out;
    const struct ic_host_cfg cfg = {.seed = 1, .name = "unit", .setup = {.stop_bits = 1}};
    ic_host_init(&pair.host, &cfg);
    ic_host_link(&pair.host, 1000, true);
    struct ic_message message = hello(CORE, 0, IC_HELLO_ANSWER);
    message.u.hello.queue_length = 0;
    core_says(&pair, 1000, message);
    assert_int_equal(pair.host.state, IC_HOST_HELLO);
    assert_true(ic_host_next(&pair.host, &out));
    assert_int_equal(out.trouble, IC_TROUBLE_NONSENSE);
    message.u.hello.queue_length = 1; // it was updated
    core_says(&pair, 2000, message);
    assert_int_equal(pair.host.state, IC_HOST_SETUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_core_takes_its_own_session_in_order),
        cmocka_unit_test(test_the_core_says_what_it_does_not_understand),
        cmocka_unit_test(test_the_core_serves_no_host_of_another_version),
        cmocka_unit_test(test_the_core_is_alone_when_the_host_is_silent),
        cmocka_unit_test(test_the_host_starts_anew_when_a_message_is_missing),
        cmocka_unit_test(test_the_host_gives_no_more_than_its_credits),
        cmocka_unit_test(test_a_frame_that_gets_no_outcome_is_not_waited_for_for_ever),
        cmocka_unit_test(test_another_version_is_told_with_its_numbers),
        cmocka_unit_test(test_a_core_that_lets_no_frame_in_is_no_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
