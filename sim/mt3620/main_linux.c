// SPDX-License-Identifier: Apache-2.0
// busward-m4: the real-time core's program in the model, on an RS-485 line in real time.
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/log.h"
#include "sim/line_options.h"
#include "sim/mt3620/paced_core.h"
#include "sim/report.h"

struct options {
    struct line_options line; // first: the shared table fills it
    const char *elf, *mailbox, *trace;
    uint64_t tx_lag, temt_lead, thre_lead, bus_wait, irq_latency, rx_jitter, storm_us;
    bool thre_at_trigger;
};

#define FIELD(name) .offset = offsetof(struct options, name)
#define PER_MILLE(option, field, text)                                                             \
    {                                                                                              \
        .name = (option), .type = OPTION_UINT, FIELD(field), .max = 1000, .help = (text)           \
    }

static const struct option OWN[] = {
    {.name = "elf",
     .type = OPTION_TEXT,
     FIELD(elf),
     .min = 1,
     .help = "the program, such as build/m4/busward-rt.elf"},
    {.name = "mailbox",
     .type = OPTION_TEXT,
     FIELD(mailbox),
     .min = 1,
     .help = "path of the socket that the gateway connects to"},
    {.name = "trace",
     .type = OPTION_TEXT,
     FIELD(trace),
     .help = "value change dump of the pins, opens in GTKWave"},
    PER_MILLE("tx-lag", tx_lag, "per mille of a bit from load to start bit"),
    PER_MILLE("temt-lead", temt_lead, "per mille of a bit that TEMT leads the stop bit's end"),
    PER_MILLE("thre-lead", thre_lead, "per mille of a bit that THRE leads it"),
    {.name = "thre-at-trigger",
     .type = OPTION_FLAG,
     FIELD(thre_at_trigger),
     .help = "THRE at the FIFO's trigger level, not only when it is empty"},
    {.name = "bus-wait",
     .type = OPTION_UINT,
     FIELD(bus_wait),
     .min = 1,
     .max = 100,
     .fallback = "12",
     .help = "cycles per access to a peripheral"},
    {.name = "irq-latency",
     .type = OPTION_UINT,
     FIELD(irq_latency),
     .min = 1,
     .max = 1000,
     .fallback = "12",
     .help = "cycles from an interrupt to its handler"},
    {.name = "rx-jitter",
     .type = OPTION_UINT,
     FIELD(rx_jitter),
     .max = 500,
     .help = "per mille of a bit that a received character may be late"},
    {.name = "storm-us",
     .type = OPTION_UINT,
     FIELD(storm_us),
     .max = 1e6,
     .help = "period of spurious interrupts; 0: none"},
};

static bool to_cfg(const struct options *options, struct paced_core_cfg *cfg)
{
    struct serial_cfg serial = {.baud = (uint32_t)options->line.baud};
    *cfg = (struct paced_core_cfg){
        .model = {.elf = options->elf,
                  .trace = options->trace,
                  .knobs = {.tx_lag = (uint16_t)options->tx_lag,
                            .temt_lead = (uint16_t)options->temt_lead,
                            .thre_lead = (uint16_t)options->thre_lead,
                            .thre_at_trigger = options->thre_at_trigger,
                            .bus_wait_cycles = (uint16_t)options->bus_wait,
                            .irq_latency_cycles = (uint16_t)options->irq_latency,
                            .rx_jitter = (uint16_t)options->rx_jitter,
                            .storm_u = options->storm_us * MT_U_PER_US,
                            .seed = options->line.seed}},
        .mailbox = options->mailbox,
    };
    if (!line_options_cfg(&options->line, &cfg->line) ||
        serial_format(options->line.format, &serial) != OK) {
        return false;
    }
    cfg->parity = serial.parity;
    cfg->stop_bits = serial.stop_bits;
    return true;
}

static void write_report(const struct paced_core *core, const char *path)
{
    FILE *out = report_begin(path);
    if (out != NULL) {
        paced_core_report(core, out);
    }
    if (out == NULL || report_end(out, path) != OK) {
        log_error("m4", "report_failed", "path=%s", log_quote(path).text);
    }
}

// True: go on.
static bool take_signal(struct paced_core *core, int signal_fd, const char *report)
{
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof info) != sizeof info) {
        return true;
    }
    if (info.ssi_signo == SIGUSR1) {
        paced_core_reset(core);
    } else if (info.ssi_signo == SIGUSR2) {
        write_report(core, report);
    }
    return info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2;
}

static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
    static struct paced_core core;
    struct options options = {0};
    struct paced_core_cfg cfg;
    struct option list[LINE_OPTIONS_MAX];
    struct option_table table = {
        .program = "busward-m4",
        .purpose = "the real-time core's program in a model of the MT3620, driving an RS-485 line "
                   "between PTYs; SIGUSR1: reset, SIGUSR2: report",
        .options = list,
        .count = line_options_table(OWN, COUNT_OF(OWN), list),
    };
    enum option_result result = options_parse(&table, argc, argv, &options);
    if (result != OPTIONS_RUN) {
        return result == OPTIONS_HELP ? 0 : 2;
    }
    if (!to_cfg(&options, &cfg)) {
        return 2;
    }
    int signal_fd = open_signals();
    line_options_schedule(&options.line);
    if (signal_fd < 0 || paced_core_open(&core, &cfg) != OK) {
        log_error("m4", "start_failed", "reason=%s", log_quote(core.problem).text);
        paced_core_close(&core);
        return 1;
    }
    log_info("m4", "ready", "elf=%s mailbox=%s devices=%zu baud=%u t3_5_us=%u",
             log_quote(options.elf).text, log_quote(options.mailbox).text,
             options.line.device.count, cfg.line.line.baud, cfg.line.t3_5_us);
    uint64_t end_us =
        options.line.seconds == 0 ? TIME_NEVER : port_now_us() + options.line.seconds * US_PER_S;
    while (port_now_us() < end_us && core.problem[0] == '\0') {
        if (!paced_core_turn(&core, signal_fd, end_us) && core.problem[0] == '\0' &&
            !take_signal(&core, signal_fd, options.line.report)) {
            break;
        }
    }
    if (core.problem[0] != '\0') {
        log_error("m4", "model_failed", "reason=%s", log_quote(core.problem).text);
    }
    write_report(&core, options.line.report);
    bool failed = core.problem[0] != '\0';
    paced_core_close(&core);
    return failed ? 1 : 0;
}
