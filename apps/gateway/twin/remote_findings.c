// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/remote_findings.h"

#include "json/writer.h"

#include <string.h>

enum { FINDING_SIZE = 1024 };

static void put_finding(struct json_writer *w, const struct config_finding *f)
{
    json_begin_object(w);
    if (f->file != NULL && strcmp(f->file, "desired") != 0) {
        json_put_key_string(w, "file", f->file);
    }
    json_put_key_string(w, "path", f->key);
    json_put_key_string(w, "message", f->message);
    json_end_object(w);
}

// A JSON array of the first few; whole items only.
struct bytes remote_findings(const struct config_report *report, bool is_warning,
                             char out[REMOTE_FINDINGS_SIZE])
{
    struct json_writer all;
    size_t told = 0;
    json_writer_init(&all, out, REMOTE_FINDINGS_SIZE);
    json_begin_array(&all);
    for (size_t i = 0; i < report->count && told < REMOTE_FINDINGS_MAX; i++) {
        char item[FINDING_SIZE];
        struct json_writer one;
        if (report->items[i].is_warning != is_warning) {
            continue;
        }
        json_writer_init(&one, item, sizeof(item));
        put_finding(&one, &report->items[i]);
        struct bytes text = json_writer_bytes(&one);
        if (text.size > 0 && text.size + 2 <= all.capacity - all.size) {
            json_put_raw(&all, text);
            told++;
        }
    }
    json_end_array(&all);
    return json_writer_bytes(&all);
}
