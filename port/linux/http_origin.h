// SPDX-License-Identifier: Apache-2.0
// Who asked, when a proxy hands a request on: the last hop of X-Forwarded-For, which the proxy
// itself appended. What stands before it is the client's own word and is not looked at. Pure.
#ifndef PORT_LINUX_HTTP_ORIGIN_H
#define PORT_LINUX_HTTP_ORIGIN_H

#include "port/linux/http_request.h"

enum { HTTP_ADDRESS_SIZE = 46 }; // of an address as text, with its end

// The one way to write an address; ::ffff:a.b.c.d is a.b.c.d. False: it is none.
bool http_address_plain(const char *text, char out[HTTP_ADDRESS_SIZE]);
// Also with a port behind it. False, and "": there is no such header, or its end is no address.
bool http_forwarded_for(const struct http_request *request, char out[HTTP_ADDRESS_SIZE]);
// Whether the list holds that address, however it is written.
bool http_is_among(const char *address, const char *const *list, size_t count);
// Who asked: the peer, or whom it asks for if it is a trusted proxy.
bool http_origin_of(const struct http_request *request, const char *peer, bool is_proxy,
                    char out[HTTP_ADDRESS_SIZE]);

#endif
