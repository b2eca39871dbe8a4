// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/report.h"

#include <stdio.h>
#include <string.h>

struct config_finding *report_add(struct config_report *report, struct report_place place,
                                  const char *format, va_list arguments)
{
    if (place.is_warning) {
        report->warning_count++;
    } else {
        report->error_count++;
    }
    if (report->count == CONFIG_FINDINGS_MAX) {
        return NULL;
    }
    struct config_finding *finding = &report->items[report->count++];
    *finding = (struct config_finding){.file = place.file,
                                       .line = place.line,
                                       .column = place.column,
                                       .is_warning = place.is_warning};
    vsnprintf(finding->message, sizeof(finding->message), format, arguments);
    return finding;
}

// Files compare by the place of their first finding, so that each stays together.
static size_t file_rank(const struct config_report *report, const char *file)
{
    size_t rank = 0;
    while (rank < report->count && strcmp(report->items[rank].file, file) != 0) {
        rank++;
    }
    return rank;
}

static bool comes_before(const struct config_finding *a, const struct config_finding *b)
{
    if (a->line != b->line) {
        return a->line < b->line;
    }
    return a->column < b->column;
}

void report_sort(struct config_report *report)
{
    // Insertion keeps equal places in their order; there are at most CONFIG_FINDINGS_MAX.
    for (size_t i = 1; i < report->count; i++) {
        struct config_finding moving = report->items[i];
        size_t rank = file_rank(report, moving.file);
        size_t to = i;
        while (to > 0) {
            const struct config_finding *before = &report->items[to - 1];
            size_t before_rank = file_rank(report, before->file);
            if (before_rank < rank || (before_rank == rank && !comes_before(&moving, before))) {
                break;
            }
            report->items[to] = *before;
            to--;
        }
        report->items[to] = moving;
    }
}

void report_line(const struct config_finding *finding, char *out, size_t capacity)
{
    const char *kind = finding->is_warning ? "warning" : "error";
    const char *separator = finding->key[0] == '\0' ? "" : ": ";
    if (finding->line == 0) {
        snprintf(out, capacity, "%s: %s: %s%s%s", finding->file, kind, finding->key, separator,
                 finding->message);
        return;
    }
    snprintf(out, capacity, "%s:%u:%u: %s: %s%s%s", finding->file, finding->line, finding->column,
             kind, finding->key, separator, finding->message);
}
