// SPDX-License-Identifier: Apache-2.0
// Goal: what is said to a proxy, to the byte, and what of its answers opens the way. Method: the
// talk alone, fed byte by byte.
#include "port/linux/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct proxy_talk talk;
static struct proxy proxy;

static void begin(const char *address, const char *login, const char *host)
{
    assert_int_equal(proxy_parse(address, &proxy), OK);
    if (login != NULL) {
        assert_int_equal(proxy_parse_login(bytes_of(login, strlen(login)), &proxy), OK);
    }
    proxy_begin(&talk, &proxy, host, 8883);
}

static void expect(const void *data, size_t size)
{
    struct bytes out = proxy_output(&talk);
    assert_int_equal(out.size, size);
    assert_memory_equal(out.data, data, size);
}

static void hear(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(talk.state, PROXY_TALKING);
        proxy_input(&talk, ((const uint8_t *)data)[i]);
    }
}

#define EXPECT(text) expect(text, sizeof(text) - 1)
#define HEAR(text)   hear(text, sizeof(text) - 1)

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {{"http://proxy", "proxy", 8080},
                {"http://proxy/", "proxy", 8080},
                {"http://10.0.0.1:3128", "10.0.0.1", 3128},
                {"socks5://s.example", "s.example", 1080},
                {"socks5://[fe80::1]:9", "fe80::1", 9},
                {"http://[::1]/", "::1", 8080},
                {"http://p:65535", "p", 65535}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(proxy_parse(good[i].text, &proxy), OK);
        assert_string_equal(proxy.host, good[i].host);
        assert_int_equal(proxy.port, good[i].port);
    }
    static const char *const bad[] = {"",
                                      "proxy:3128",
                                      "https://p",
                                      "http://",
                                      "http://p:0",
                                      "http://p:65536",
                                      "http://p:x",
                                      "http://u:w@p",
                                      "http://[::1",
                                      "http://p/path",
                                      "http://p:80x",
                                      "http://[]:1",
                                      "http://[@1]:3",
                                      "http://[a b]",
                                      "socks://p"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(proxy_parse(bad[i], &proxy), ERR_ARG);
    }
    static const char *const no_login[] = {"", "name", ":word", "\n"};
    for (size_t i = 0; i < sizeof(no_login) / sizeof(no_login[0]); i++) {
        assert_int_equal(proxy_parse_login(bytes_of(no_login[i], strlen(no_login[i])), &proxy),
                         ERR_ARG);
    }
}

static void test_connect(void **state)
{
    (void)state;
    begin("http://p", NULL, "hub.example");
    EXPECT("CONNECT hub.example:8883 HTTP/1.1\r\nHost: hub.example:8883\r\n\r\n");
    HEAR("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n");
    assert_int_equal(talk.state, PROXY_OPEN);
    begin("http://p", "Aladdin:open sesame\r\n", "::1"); // [RFC 7617, 2]
    EXPECT("CONNECT [::1]:8883 HTTP/1.1\r\nHost: [::1]:8883\r\n"
           "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
    HEAR("HTTP/1.0 407 No\r\n\r\n");
    assert_string_equal(talk.problem, "the proxy wants another login");
    begin("http://p", NULL, "hub");
    HEAR("HTTP/1.1 403 No\r\n\r\n");
    assert_string_equal(talk.problem, "the proxy refuses");
    begin("http://p", NULL, "hub");
    HEAR("220 mail.example ESMTP\r\n\r\n");
    assert_string_equal(talk.problem, "the proxy does not speak HTTP");
    begin("http://p", NULL, "hub");
    for (size_t i = 0; i < PROXY_REPLY_SIZE_MAX; i++) {
        HEAR("x");
    }
    assert_string_equal(talk.problem, "the proxy's answer does not end");
}

static void test_socks(void **state)
{
    (void)state;
    begin("socks5://p", NULL, "hub.example");
    EXPECT("\5\1\0");
    HEAR("\5\0");
    EXPECT("\5\1\0\3\13hub.example\x22\xb3");
    HEAR("\5\0\0\3\4name\0\1");
    assert_int_equal(talk.state, PROXY_OPEN);
    begin("socks5://p", "ann:word", "10.1.2.3");
    EXPECT("\5\2\0\2");
    HEAR("\5\2");
    EXPECT("\1\3ann\4word");
    HEAR("\1\0");
    EXPECT("\5\1\0\1\12\1\2\3\x22\xb3");
    HEAR("\5\0\0\1\0\0\0\0\0\0");
    assert_int_equal(talk.state, PROXY_OPEN);
    begin("socks5://p", NULL, "::1");
    HEAR("\5\0");
    EXPECT("\5\1\0\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x22\xb3");
    HEAR("\5\5");
    assert_string_equal(talk.problem, "the hub refused the proxy's connection");
    begin("socks5://p", "ann:word", "hub");
    HEAR("\5\2\1\1");
    assert_string_equal(talk.problem, "the proxy wants another login");
    begin("socks5://p", NULL, "hub");
    HEAR("\5\2"); // asks for what was not offered
    assert_string_equal(talk.problem, "the proxy wants another login");
    begin("socks5://p", NULL, "hub");
    HEAR("H");
    assert_string_equal(talk.problem, "the proxy does not speak SOCKS5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_socks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
