// SPDX-License-Identifier: Apache-2.0
// busward-line: an RS-485 line between PTYs in real time, with a judge.
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/log.h"
#include "sim/line_options.h"
#include "sim/report.h"

struct options {
    struct line_options line; // first: the shared table fills it
    const char *client;
};

static const struct option OWN[] = {
    {.name = "client",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, client),
     .min = 1,
     .help = "path of the link to the client's PTY"},
};

static void write_report(const struct paced *paced, const char *path)
{
    FILE *out = report_begin(path);
    if (out != NULL) {
        fputc('{', out);
        paced_report(paced, out);
        fputs("}\n", out);
    }
    if (out == NULL || report_end(out, path) != OK) {
        log_error("line", "report_failed", "path=%s", log_quote(path).text);
    }
}

// True: go on.
static bool take_signal(const struct paced *paced, int signal_fd, const char *report)
{
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1) {
        write_report(paced, report);
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static struct paced paced;
    struct options all = {0};
    const struct line_options *options = &all.line;
    struct paced_cfg cfg;
    struct option list[LINE_OPTIONS_MAX];
    struct option_table table = {
        .program = "busward-line",
        .purpose = "an RS-485 line between PTYs, paced in real time, that judges its client; "
                   "SIGUSR1: report",
        .options = list,
        .count = line_options_table(OWN, COUNT_OF(OWN), list),
    };
    enum option_result result = options_parse(&table, argc, argv, &all);
    if (result != OPTIONS_RUN) {
        return result == OPTIONS_HELP ? 0 : 2;
    }
    if (!line_options_cfg(options, &cfg)) {
        return 2;
    }
    cfg.client = all.client;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    line_options_schedule(options);
    if (signal_fd < 0 || paced_open(&paced, &cfg) != OK) {
        log_error("line", "start_failed", "reason=%s", log_quote(paced.problem).text);
        paced_close(&paced);
        return 1;
    }
    log_info("line", "ready", "client=%s devices=%zu baud=%u t3_5_us=%u",
             log_quote(all.client).text, options->device.count, cfg.line.baud, cfg.t3_5_us);
    uint64_t end_us =
        options->seconds == 0 ? TIME_NEVER : port_now_us() + options->seconds * US_PER_S;
    while (port_now_us() < end_us) {
        if (!paced_turn(&paced, signal_fd, end_us) &&
            !take_signal(&paced, signal_fd, options->report)) {
            break;
        }
    }
    write_report(&paced, options->report);
    paced_close(&paced);
    return 0;
}
