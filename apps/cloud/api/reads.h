// SPDX-License-Identifier: Apache-2.0
// What is read from the store for the page: overview, sites, a point, its series, events. Each runs
// on a reader's thread and writes its answer.
#ifndef CLOUD_API_READS_H
#define CLOUD_API_READS_H

#include "apps/cloud/api/app.h"

int make_overview(struct read_job *job, struct json_writer *out);
int make_sites(struct read_job *job, struct json_writer *out);
int make_point(struct read_job *job, struct json_writer *out);
int make_series(struct read_job *job, struct json_writer *out);
int make_events(struct read_job *job, struct json_writer *out);

// Latest samples of a catalogue's points; series_of is UINT32_MAX where there is none.
void latest_of_points(struct store *store, uint32_t site, const struct site_catalogue *catalogue,
                      uint32_t *series_of, struct latest *latest);
// The object of openapi.yaml's Site. catalogue may be NULL, then latest too.
void put_site(struct json_writer *w, const struct app *app, uint32_t site,
              const struct site_catalogue *catalogue, const struct latest *latest, int64_t now_ms);

#endif
