// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

const char *err_name(enum err err)
{
    switch (err) {
    case OK: return "ok";
    case ERR_ARG: return "argument";
    case ERR_SIZE: return "size";
    case ERR_CORRUPT: return "corrupt";
    case ERR_TIMEOUT: return "timeout";
    case ERR_FULL: return "full";
    case ERR_EMPTY: return "empty";
    case ERR_IO: return "io";
    case ERR_CLOSED: return "closed";
    case ERR_BUSY: return "busy";
    case ERR_DENIED: return "denied";
    case ERR_UNSUPPORTED: return "unsupported";
    case ERR_EXISTS: return "exists";
    case ERR_NOT_FOUND: return "not_found";
    case ERR_STATE: return "state";
    case ERR_AGAIN: return "again";
    }
    return "unknown";
}
