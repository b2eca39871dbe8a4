// SPDX-License-Identifier: Apache-2.0
// Long work on a bus that goes on after its method was answered: a scan, a line test. One at a
// time; its result is kept until the next begins. Part of the methods' machine.
#ifndef GATEWAY_METHODS_JOB_H
#define GATEWAY_METHODS_JOB_H

#include "apps/gateway/config/config.h"
#include "apps/gateway/methods/line_verdict.h"
#include "apps/gateway/poll/foreign.h"
#include "json/writer.h"

enum {
    JOB_UNITS_MAX = 16, // of a line test
    JOB_LINES_MAX = JOB_UNITS_MAX + 4,
    JOB_NAMED_MAX = 64, // units whose identification is kept
    JOB_NAME_SIZE = 80,
    JOB_NOTE_SIZE = 255,
    JOB_TRIES_MIN = 2, // of a line test, however silent
    JOB_STEPS = 4,     // of its way that are reported
};
#define JOB_LIMIT_US US_PER_HOUR
// A unit of a line test that was waited for so long in vain is judged by what is known then.
#define JOB_SILENCE_US (3 * US_PER_S)

enum job_kind { JOB_NONE, JOB_SCAN, JOB_LINE_TEST };
enum job_state { JOB_RUNNING, JOB_DONE, JOB_CANCELLED, JOB_FAILED };
enum job_step { STEP_FIGURES_BEFORE, STEP_PRESENT, STEP_IDENTIFY, STEP_FIGURES_AFTER };
enum job_finding { FOUND_NOTHING, FOUND_UNIT, FOUND_NOISE };

struct job_line {
    char what[16];
    struct verdict_text verdict;
};

struct methods_job {
    // Public to read:
    enum job_kind kind;
    enum job_state state;
    uint32_t number; // counts up
    uint32_t bus, from, to;
    uint32_t unit;        // that is asked now
    const char *problem;  // of JOB_FAILED
    uint32_t found_count; // units of a scan
    // Private:
    enum job_step step;
    uint32_t timeout_us, count, asked;
    uint64_t silence_us; // that the unit cost the line
    bool must_identify;
    uint64_t begin_us, end_us;
    uint8_t found[248];
    char names[JOB_NAMED_MAX][JOB_NAME_SIZE];
    uint8_t named[JOB_NAMED_MAX];
    uint32_t named_count;
    struct bus_figures before;
    struct line_measure line;
    struct unit_measure measure;
    struct job_line lines[JOB_LINES_MAX];
    uint32_t line_count;
    bool is_asked;      // for figures
    uint32_t step_told; // of its way, as it was last reported; 0: not yet
    bool must_note;     // it ended
};

struct job_order {
    enum job_kind kind;
    uint32_t bus, from, to, count;
    uint32_t timeout_us; // 0: as the unit is used to, of unknown ones the bus's
    bool must_identify;
    const struct config_bus *config;
};

void job_begin(struct methods_job *job, uint64_t now_us, const struct job_order *order);
void job_cancel(struct methods_job *job, uint64_t now_us);
void job_tick(struct methods_job *job, uint64_t now_us);
uint64_t job_deadline_us(const struct methods_job *job);
// Whether it wants a unit asked, and what.
bool job_wants_bus(const struct methods_job *job);
void job_ask(struct methods_job *job, struct foreign_ask *out);
void job_answer(struct methods_job *job, uint64_t now_us, const struct foreign_answer *answer);
void job_no_bus(struct methods_job *job, uint64_t now_us);
bool job_wants_figures(const struct methods_job *job);
void job_figures(struct methods_job *job, uint64_t now_us, const struct bus_figures *figures);
// True once when it ended: in words, for an event.
bool job_note(struct methods_job *job, const char *bus, char *out, size_t capacity);
// True when it began, came a step further or ended: then the members of an object that says so.
bool job_report(struct methods_job *job, struct json_writer *out);
// The members of an object: what it is, how far it is, what it found.
void job_write(const struct methods_job *job, const char *bus, struct json_writer *out);

#endif
