// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/gwcloud/remote_world.h"

#include "apps/gateway/twin/remote_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { CONNECT_S = 3, CHECK_S = 2 };

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0;
    assert_int_equal(remote_hash(bytes_of(text, strlen(text)), &hash), OK);
    return hash;
}

static bool says(const struct remote_world *w, const char *word)
{
    return strstr(w->running, word) != NULL;
}

void world_init(struct remote_world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    sim_medium_init(&w->medium, seed);
    w->cells = sim_cells(&w->medium);
    snprintf(w->desired, sizeof(w->desired), "{}");
    w->version = 1;
}

void world_deinit(struct remote_world *w)
{
    sim_medium_deinit(&w->medium);
}

static bool load(struct remote_world *w, const struct remote_held *held)
{
    uint8_t text[WORLD_TEXT_SIZE];
    size_t size = 0;
    if (remote_state_read(&w->state, held, text, sizeof(text) - 1, &size) != OK) {
        return false;
    }
    memcpy(w->running, text, size);
    w->running[size] = '\0';
    return true;
}

static void count_boot(struct remote_world *w, bool is_trial)
{
    const char *digit = strstr(w->running, "\"n\":");
    if (digit != NULL) {
        w->boots_of[(digit[4] - '0') & 7]++;
    }
    w->boots++;
    w->trial_boots += is_trial ? 1 : 0;
    // What was staged was whole and checked.
    assert_false(says(w, "wrong") || says(w, "away"));
    if (w->state.accepted.slot != REMOTE_LOCAL) {
        uint8_t text[WORLD_TEXT_SIZE];
        size_t size = 0;
        assert_int_equal(
            remote_state_read(&w->state, &w->state.accepted, text, sizeof(text), &size), OK);
        // Nothing that fails its trial is ever accepted.
        assert_null(memmem(text, size, "lost", 4));
        assert_null(memmem(text, size, "crash", 5));
        assert_null(memmem(text, size, "deaf", 4));
    }
}

void world_boot(struct remote_world *w)
{
    bool is_trial = false;
    if (w->medium.is_off) {
        sim_medium_power_on(&w->medium);
        w->medium.cut_at_step = 0;
    }
    w->is_up = false;
    w->started_us = w->now_us;
    w->checked_us = TIME_NEVER;
    if (remote_state_open(&w->state, &w->cells) != OK) {
        return;
    }
    assert_false(w->state.is_damaged);
    remote_state_boot(&w->state, &is_trial);
    if (w->medium.is_off) {
        return;
    }
    const struct remote_held *held = is_trial ? &w->state.trial : &w->state.accepted;
    assert_true(load(w, held));
    count_boot(w, is_trial);
    struct remote_boot boot = {
        .is_trial = is_trial,
        .running = {held->name.version, hash_of(w->running)},
        .accepted = w->state.accepted.name,
        .rejected = w->state.rejected,
        .reason = w->state.reason,
    };
    const struct remote_config_options options = {.lost_percent = 10};
    remote_config_start(&w->machine, &options, &boot, w->now_us);
    w->is_up = !says(w, "crash");
}

static void tell_desired(struct remote_world *w)
{
    remote_config_desired(&w->machine, w->now_us, w->version,
                          bytes_of(w->desired, strlen(w->desired)));
}

void world_desire(struct remote_world *w, const char *config)
{
    if (config == NULL) {
        snprintf(w->desired, sizeof(w->desired), "{\"other\":%llu}",
                 (unsigned long long)w->version);
    } else {
        snprintf(w->desired, sizeof(w->desired), "{\"other\":%llu,\"config\":%s}",
                 (unsigned long long)w->version, config);
    }
    w->version++;
    if (w->is_up && w->machine.is_online) {
        tell_desired(w);
    }
}

static void end_check(struct remote_world *w)
{
    struct remote_checked checked = {.verdict = REMOTE_GOOD};
    w->checks++;
    w->checked_us = TIME_NEVER;
    if (strstr(w->checking, "wrong") != NULL) {
        checked = (struct remote_checked){
            .verdict = REMOTE_WRONG, .reason = "1 error", .errors = bytes_of("[\"no\"]", 6)};
    } else if (strstr(w->checking, "away") != NULL) {
        checked = (struct remote_checked){.verdict = REMOTE_AWAY, .reason = "not fetched"};
    }
    remote_config_checked(&w->machine, w->now_us, &checked);
}

static void act(struct remote_world *w, const struct remote_out *out)
{
    static const uint32_t units[WORLD_UNITS] = {1, 2, 3};
    enum err err = OK;
    switch (out->kind) {
    case REMOTE_OUT_CHECK: // it takes time, in which the world goes on
        snprintf(w->checking, sizeof(w->checking), "%.*s", (int)out->content.size,
                 (const char *)out->content.data);
        w->checked_us = w->now_us + CHECK_S * US_PER_S;
        return;
    case REMOTE_OUT_REPORT:
        snprintf(w->report, sizeof(w->report), "%.*s", (int)out->body.size, out->body.data);
        w->reports++;
        return;
    case REMOTE_OUT_RESTART: world_boot(w); return;
    case REMOTE_OUT_STAGE:
        err = remote_state_stage(&w->state, out->name, out->content, units, WORLD_UNITS);
        break;
    case REMOTE_OUT_ACCEPT: err = remote_state_accept(&w->state); break;
    case REMOTE_OUT_REVERT: err = remote_state_revert(&w->state, out->reason); break;
    case REMOTE_OUT_DROP: err = remote_state_revert(&w->state, NULL); break;
    }
    if (!w->medium.is_off) {
        remote_config_written(&w->machine, w->now_us, err == OK);
    }
}

static void turn(struct remote_world *w)
{
    struct remote_out out;
    bool is_reached =
        !w->hub_is_away && !says(w, "deaf") && w->now_us >= w->started_us + CONNECT_S * US_PER_S;
    if (is_reached != w->machine.is_online) {
        if (is_reached) {
            remote_config_online(&w->machine, w->now_us);
            tell_desired(w);
        } else {
            remote_config_offline(&w->machine, w->now_us);
        }
    }
    if (remote_config_wants_units(&w->machine, w->now_us)) {
        uint32_t lost = says(w, "lost3") ? 3 : says(w, "some2") ? 2 : 0;
        remote_config_units(&w->machine, w->now_us, WORLD_UNITS, lost);
    }
    if (w->now_us >= w->checked_us) {
        end_check(w);
    }
    remote_config_tick(&w->machine, w->now_us);
    uint32_t boots = w->boots;
    while (w->is_up && w->boots == boots && !w->medium.is_off &&
           remote_config_next(&w->machine, w->now_us, &out)) {
        act(w, &out);
    }
}

void world_run(struct remote_world *w, uint64_t span_us)
{
    uint64_t end_us = w->now_us + span_us;
    while (w->now_us < end_us) {
        if (!w->is_up || w->medium.is_off) {
            w->now_us += 5 * US_PER_S; // the supervisor's pause, or the power's
            world_boot(w);
        }
        if (w->is_up) {
            turn(w);
        }
        w->now_us += US_PER_S;
    }
}

const char *world_reported(const struct remote_world *w)
{
    static char state[32];
    const char *at = strstr(w->report, "\"state\":\"");
    if (at == NULL) {
        return "";
    }
    at += strlen("\"state\":\"");
    snprintf(state, sizeof(state), "%.*s", (int)strcspn(at, "\""), at);
    return state;
}
