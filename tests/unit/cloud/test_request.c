// SPDX-License-Identifier: Apache-2.0
// Goal: a request is understood in one way or refused. Method: a table of heads and what they give.
#include "apps/cloud/api/routes.h"
#include "port/linux/http_origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct http_request *out)
{
    return http_parse(bytes_of(text, strlen(text)), HTTP_BODY_SIZE_DEFAULT, out);
}

static void test_heads_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int status;
    } rows[] = {
        {"", 400},
        {"\r\n", 400},
        {"GET / HTTP/1.1", 400},
        {"GET / HTTP/1.1\r\n", 400},
        {"GET / HTTP/1.1\n\n", 400},
        {"GET / HTTP/1.1\r\nA: b\r\n\r\nmore\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"GET / FTP/1.1\r\n\r\n", 400},
        {"GET x HTTP/1.1\r\n\r\n", 400},
        {"GET //a HTTP/1.1\r\n\r\n", 400},
        {"GET /../a HTTP/1.1\r\n\r\n", 400},
        {"GET /%2e%2E/a HTTP/1.1\r\n\r\n", 400},
        {"GET /a%2fb HTTP/1.1\r\n\r\n", 400},
        {"GET /a%0d HTTP/1.1\r\n\r\n", 400},
        {"GET /a%4 HTTP/1.1\r\n\r\n", 400},
        {"GET /1/2/3/4/5/6/7/8/9 HTTP/1.1\r\n\r\n", 414},
        {"GET / HTTP/1.1\r\nA b: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nA : c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n folded: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nA: \x01\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nContent-Length: 16384\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\nContent-Length: 16385\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\n\r\n", 0},
    };
    struct http_request r;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (parse(rows[i].head, &r) != rows[i].status) {
            fail_msg("%s", rows[i].head);
        }
    }
}

static void test_what_a_head_says(void **state)
{
    (void)state;
    struct http_request r;
    char text[16];
    uint64_t number = 0;
    assert_int_equal(
        parse("POST /api/caf%C3%A9?a=1&b=x%20y+z&a=2&n=18446744073709551616 HTTP/1.1\r\n"
              "COOKIE: x=y; busward_session=abc ; z=1\r\nx-csrf-token:  t\r\n"
              "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 5\r\n"
              "Accept-Encoding: br, gzip\r\nConnection: Close\r\n\r\n",
              &r),
        0);
    assert_int_equal(r.method, HTTP_POST);
    assert_int_equal(r.segment_count, 2);
    assert_true(http_path_is(&r, 1, "caf\xc3\xa9"));
    assert_false(http_path_is(&r, 2, ""));
    assert_true(bytes_equal(http_cookie(&r, "busward_session"), bytes_of("abc", 3)));
    assert_true(bytes_equal(http_header(&r, "x-csrf-token"), bytes_of("t", 1)));
    assert_true(r.is_json && r.takes_gzip && !r.keep_alive);
    assert_int_equal(r.content_length, 5);
    assert_false(http_query(&r, "a", text, sizeof(text))); // twice
    assert_true(http_query(&r, "b", text, sizeof(text)));
    assert_string_equal(text, "x y z");
    assert_false(http_query(&r, "b", text, 5)); // too long by one
    assert_true(http_query(&r, "b", text, 6));
    assert_false(http_query_number(&r, "n", UINT64_MAX, &number));
}

static void test_routes_and_their_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum route route;
        int status;
    } rows[] = {
        {"GET /api/session", ROUTE_SESSION, 0},
        {"POST /api/session", ROUTE_SESSION, 405},
        {"GET /api/login", ROUTE_LOGIN, 405},
        {"DELETE /api/sites", ROUTE_SITES, 405},
        {"GET /api", ROUTE_NONE, 0},
        {"GET /api/sites/s", ROUTE_NONE, 0},
        {"GET /api/sites/s/overview/", ROUTE_OVERVIEW, 0},
        {"GET /api/sites/s/points/4294967295", ROUTE_POINT, 0},
        {"GET /api/sites/s/points/4294967296", ROUTE_POINT, 400},
        {"GET /api/sites/s/points/x", ROUTE_POINT, 400},
        {"GET /api/sites/s/points/1/series", ROUTE_SERIES, 400},
        {"GET /api/sites/s/points/1/series?from=1&to=2", ROUTE_SERIES, 0},
        {"GET /api/sites/s/points/1/series?from=2&to=2", ROUTE_SERIES, 400},
        {"GET /api/sites/s/points/1/series?from=0&to=400000000000", ROUTE_SERIES, 400},
        {"GET /api/sites/s/points/1/series?from=1&to=2&buckets=4000", ROUTE_SERIES, 0},
        {"GET /api/sites/s/points/1/series?from=1&to=2&buckets=4001", ROUTE_SERIES, 400},
        {"GET /api/sites/s/points/1/series?from=1&to=2&buckets=0", ROUTE_SERIES, 400},
        {"GET /api/audit?limit=500", ROUTE_AUDIT, 0},
        {"GET /api/audit?limit=501", ROUTE_AUDIT, 400},
        {"GET /index.html", ROUTE_FILES, 0},
        {"HEAD /", ROUTE_FILES, 0},
        {"POST /", ROUTE_FILES, 405},
    };
    struct http_request r;
    struct routed routed;
    char head[256];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        strcpy(head, rows[i].line);
        strcat(head, " HTTP/1.1\r\n\r\n");
        assert_int_equal(parse(head, &r), 0);
        route_request(&r, &routed);
        if (routed.route != rows[i].route || routed.status != rows[i].status) {
            fail_msg("%s", rows[i].line);
        }
    }
}

static void test_each_cookie_is_found_wherever_it_stands(void **state)
{
    (void)state;
    struct http_request r;
    assert_int_equal(parse("GET / HTTP/1.1\r\nCookie: a=b; busward_device=d; busward_session=s\r\n"
                           "X-Forwarded-For: 192.0.2.1\r\n\r\n",
                           &r),
                     0);
    assert_true(bytes_equal(http_cookie(&r, "busward_session"), bytes_of("s", 1)) &&
                bytes_equal(http_cookie(&r, "busward_device"), bytes_of("d", 1)));
    assert_true(r.is_forwarded);
    assert_int_equal(parse("GET / HTTP/1.1\r\nCookie: xbusward_device=d\r\n\r\n", &r), 0);
    assert_true(http_cookie(&r, "busward_session").size == 0 &&
                http_cookie(&r, "busward_device").size == 0 && !r.is_forwarded);
}

static void test_who_asked_is_the_last_hop_that_a_proxy_appended(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        const char *origin; // "": unknown
    } rows[] = {
        {"", ""},
        {"Forwarded: for=192.0.2.1\r\n", ""},
        {"X-Forwarded-For:\r\n", ""},
        {"X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
        {"x-forwarded-for: 203.0.113.5, 192.0.2.1 \r\n", "192.0.2.1"},
        {"X-Forwarded-For: 203.0.113.5,192.0.2.1:4711\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: x\r\n", ""},
        {"X-Forwarded-For: 192.0.2.1,\r\n", ""},
        {"X-Forwarded-For: 192.0.2.1, unknown\r\n", ""},
        {"X-Forwarded-For: 192.0.2.1x\r\n", ""},
        {"X-Forwarded-For: 2001:DB8:0::7\r\n", "2001:db8::7"},
        {"X-Forwarded-For: [2001:db8::7]\r\n", "2001:db8::7"},
        {"X-Forwarded-For: a, [2001:db8::7]:443\r\n", "2001:db8::7"},
        {"X-Forwarded-For: [2001:db8::7\r\n", ""},
        {"X-Forwarded-For: []\r\n", ""},
        {"X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 1111111111111111111111111111111111111111111111111111111111111111111\r\n",
         ""},
    };
    static const char *const proxies[] = {"::1", "::ffff:127.0.0.1"};
    struct http_request r;
    char head[256];
    char origin[HTTP_ADDRESS_SIZE];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(head, sizeof(head), "GET / HTTP/1.1\r\n%s\r\n", rows[i].headers);
        assert_int_equal(parse(head, &r), 0);
        const bool is_known = http_origin_of(&r, "127.0.0.1", true, origin);
        assert_string_equal(origin, rows[i].origin);
        assert_int_equal(is_known, rows[i].origin[0] != '\0');
        assert_true(http_origin_of(&r, "127.0.0.1", false, origin)); // whatever it says
        assert_string_equal(origin, "127.0.0.1");
    }
    assert_true(http_is_among("127.0.0.1", proxies, 2) && http_is_among("0::1", proxies, 2));
    assert_false(http_is_among("127.0.0.1", proxies, 1) || http_is_among("127.0.0.2", proxies, 2) ||
                 http_is_among("", proxies, 2));
}

static void test_a_header_is_found_or_refused_when_it_stands_twice(void **state)
{
    (void)state;
    struct http_request r;
    struct bytes name;
    struct bytes value;
    assert_int_equal(
        parse("PATCH /twins/d HTTP/1.1\r\nIF-Match:\t\"*\" \r\nA: 1\r\na:2\r\nE:\r\n\r\n", &r), 0);
    assert_int_equal(r.method, HTTP_PATCH);
    assert_true(bytes_equal(http_header(&r, "if-match"), bytes_of("\"*\"", 3)));
    assert_true(http_header(&r, "a").size == 0 && http_has_header(&r, "a"));
    assert_true(http_header(&r, "e").size == 0 && http_has_header(&r, "e"));
    assert_false(http_has_header(&r, "f"));
    assert_true(http_header_at(&r, 2, &name, &value) && bytes_equal(value, bytes_of("2", 1)));
    assert_false(http_header_at(&r, 4, &name, &value));
    assert_int_equal(parse("DELETE / HTTP/1.0\r\n\r\n", &r), 0);
    assert_true(r.method == HTTP_DELETE && !http_header_at(&r, 0, &name, &value));
    assert_int_equal(parse("PUT / HTTP/1.0\r\n\r\n", &r), 0);
    assert_int_equal(r.method, HTTP_PUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_asked_is_the_last_hop_that_a_proxy_appended),
        cmocka_unit_test(test_a_header_is_found_or_refused_when_it_stands_twice),
        cmocka_unit_test(test_each_cookie_is_found_wherever_it_stands),
        cmocka_unit_test(test_heads_that_are_refused),
        cmocka_unit_test(test_what_a_head_says),
        cmocka_unit_test(test_routes_and_their_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
