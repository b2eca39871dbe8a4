// SPDX-License-Identifier: Apache-2.0
// Live updates: events from the store's commits, and points that become overdue, to the pages that
// watch a site. Events are numbered; who comes back with the last number gets what was missed, or
// is told to reload.
#ifndef CLOUD_API_STREAM_H
#define CLOUD_API_STREAM_H

#include "apps/cloud/api/app.h"

// The id of the newest event, for the overview: a stream opened with it misses nothing.
void stream_event_id(const struct app *app, char *out, size_t capacity);
// Answers GET /api/stream for a user who may see the site. last_id empty: from now on.
void stream_open(struct app *app, struct http_conn *conn, uint32_t site, struct bytes last_id,
                 const struct session *session);
// A session ended before its time: its streams do, too.
void stream_session_over(struct app *app, uint64_t session);
void stream_gone(struct app *app, const struct http_conn *conn);
// Whether somebody has the site's stream open.
bool stream_is_watched(const struct app *app, uint32_t site);
void stream_live(struct app *app);
void stream_tick(struct app *app);

#endif
