// SPDX-License-Identifier: Apache-2.0
// What a real-time core's end of the talk says to people.
#ifndef PORT_LINUX_BUS_RT_WORDS_H
#define PORT_LINUX_BUS_RT_WORDS_H

#include "intercore/host_session.h"

#define BUS_RT_CRASH_MAX 240 // bytes

// How the core's boot before this one ended, such as " after its watchdog ran out"; "" if it just
// ended.
void bus_rt_crash(const struct ic_crash *crash, char *out, size_t capacity);
// Why the line is not up. link: why there is no way to the core, if that is it.
void bus_rt_trouble(const struct ic_host *host, enum ic_trouble trouble, const char *link,
                    char *out, size_t capacity);
// A record of the core's log, by lib/intercore/log_events.h; *level: how loud.
void bus_rt_log(const struct ic_log *log, enum ic_log_level *level, char *out, size_t capacity);
// Its name for machines, such as "tx_stuck"; "unknown".
const char *bus_rt_log_name(uint16_t event);

#endif
