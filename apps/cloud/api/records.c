// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/records.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/app.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MODULE "gateway"

enum {
    // Of a record that holds every other part: half its numbers twice.
    LIST_ROW_SIZE = 256 + FLIGHT_PARTS_MAX * 16,
    LIST_SIZE = 64 + STORE_FLIGHTS_MAX * LIST_ROW_SIZE,
    HEADERS_SIZE = 512,
};

static void on_row(void *ctx, const struct flight_row *row)
{
    struct json_writer *w = ctx;
    json_begin_object(w);
    json_put_key_i64(w, "id", row->id);
    json_put_key_u64(w, "number", row->number);
    json_put_key_i64(w, "first_ms", row->first_ms);
    json_put_key_i64(w, "last_ms", row->last_ms);
    json_put_key_u64(w, "size", row->size);
    json_put_key_u64(w, "parts", row->parts);
    json_put_key(w, "missing");
    json_begin_array(w);
}

static void on_missing(void *ctx, uint32_t from, uint32_t to)
{
    struct json_writer *w = ctx;
    json_begin_array(w);
    json_put_u64(w, from);
    json_put_u64(w, to);
    json_end_array(w);
}

static void on_end(void *ctx)
{
    struct json_writer *w = ctx;
    json_end_array(w);
    json_end_object(w);
}

void records_list(struct gateway_job *job)
{
    struct json_writer w;
    const struct flight_visitor visitor = {on_row, on_missing, on_end, &w};
    job->body = malloc(LIST_SIZE);
    json_writer_init(&w, job->body, job->body != NULL ? LIST_SIZE : 0);
    json_begin_object(&w);
    json_put_key(&w, "records");
    json_begin_array(&w);
    job->err = store_query_flights(&job->app->gateways.reader, job->site, &visitor);
    json_end_array(&w);
    json_end_object(&w);
    job->body_size = json_writer_bytes(&w).size;
    job->err = job->err == OK && job->body_size == 0 ? ERR_SIZE : job->err;
}

void records_read(struct gateway_job *job)
{
    struct gateways *g = &job->app->gateways;
    const struct command_row row = {.at_ms = job->now_ms,
                                    .user = job->user,
                                    .address = job->address,
                                    .site = job->call.device,
                                    .action = job->action,
                                    .arguments = job->arguments};
    job->is_recorded = commands_begin(&g->commands, &row, &job->row) == OK;
    if (!job->is_recorded) {
        return;
    }
    job->err = store_query_flight(&g->reader, job->site, job->record, &job->flight, &job->body,
                                  &job->body_size);
    const enum err err = commands_end(&g->commands, job->row, wall_now_ms(),
                                      job->err == OK              ? "200"
                                      : job->err == ERR_NOT_FOUND ? "404"
                                                                  : "500");
    if (err != OK) { // the row stays without an outcome, and the log says so
        log_error(MODULE, "outcome", "row=%" PRId64 " err=%s", job->row, err_name(err));
    }
}

// A name for a file on any system: what a device is called may hold anything.
static void plain_name(const char *name, char *out, size_t capacity)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t size = 0;
    for (; name[size] != '\0' && size + 1 < capacity; size++) {
        out[size] = strchr(good, name[size]) != NULL ? name[size] : '-';
    }
    out[size] = '\0';
}

void records_answer(struct gateway_job *job)
{
    char site[STORE_DEVICE_SIZE_MAX + 1];
    char stamp[32] = "";
    char headers[HEADERS_SIZE];
    struct tm utc;
    if (job->conn == NULL) {
        return;
    }
    if (!job->is_recorded) {
        answer_error(job->conn, 500, "not_recorded",
                     "the command could not be written down, so it was not done");
        return;
    }
    if (job->err != OK) {
        answer_status(job->conn, job->err == ERR_NOT_FOUND ? 404 : 503);
        return;
    }
    const time_t at_s = (time_t)(job->flight.first_ms / 1000);
    if (gmtime_r(&at_s, &utc) != NULL) {
        (void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
    }
    plain_name(job->call.device, site, sizeof(site));
    snprintf(headers, sizeof(headers),
             "Cache-Control: no-store\r\n"
             "Content-Disposition: attachment; filename=\"flight-%s-%s%s.txt\"\r\n",
             site, stamp, job->flight.part_count < job->flight.parts ? "-incomplete" : "");
    http_reply(job->conn, &(struct http_reply){
                              .status = 200,
                              .type = "text/plain; charset=utf-8",
                              .headers = headers,
                              .body = bytes_of(job->body, job->body_size),
                          });
}
