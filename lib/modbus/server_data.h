// SPDX-License-Identifier: Apache-2.0
// Private to the server: the functions that reach the device's data.
#ifndef MB_SERVER_DATA_H
#define MB_SERVER_DATA_H

#include "modbus/server.h"

// Carries out server->request and fills server->reply.
enum mb_exception mb_server_serve_data(struct mb_server *server, uint64_t now_us);

#endif
