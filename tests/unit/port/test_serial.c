// SPDX-License-Identifier: Apache-2.0
// Goal: what serial_open asks of a UART's driver is exact, and a driver that refuses or quietly
// does something else is named. Method: a PTY whose ioctl and fstat are answered by a UART made of
// variables (the linker wraps both), since a PTY has neither speed, parity nor RS-485.
#include "port/linux/serial.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_fstat(int fd, struct stat *info);
int __wrap_fstat(int fd, struct stat *info);

static struct uart {
    bool is_on;
    struct termios2 tty;
    struct serial_rs485 rs485;
    struct serial_struct driver;
    unsigned exclusive, flushed;
    // What it does differently:
    speed_t nearest;    // 0: any speed
    tcflag_t cannot;    // bits of c_cflag that it drops
    int rs485_errno;    // 0: can
    uint32_t rs485_not; // flags that it drops
    int driver_errno;
} uart;

static int answer(int error)
{
    errno = error;
    return error == 0 ? 0 : -1;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    if (!uart.is_on) {
        return __real_ioctl(fd, request, arg);
    }
    switch (request) {
    case TCGETS2: memcpy(arg, &uart.tty, sizeof(uart.tty)); return 0;
    case TCSETS2:
        memcpy(&uart.tty, arg, sizeof(uart.tty));
        uart.tty.c_cflag &= ~uart.cannot;
        uart.tty.c_ospeed = uart.nearest != 0 ? uart.nearest : uart.tty.c_ospeed;
        return 0;
    case TIOCSRS485:
        memcpy(&uart.rs485, arg, sizeof(uart.rs485));
        uart.rs485.flags &= ~uart.rs485_not;
        memcpy(arg, &uart.rs485, sizeof(uart.rs485)); // the kernel gives back what it took
        return answer(uart.rs485_errno);
    case TIOCGSERIAL: memcpy(arg, &uart.driver, sizeof(uart.driver)); return 0;
    case TIOCSSERIAL:
        if (uart.driver_errno == 0) {
            memcpy(&uart.driver, arg, sizeof(uart.driver));
        }
        return answer(uart.driver_errno);
    case TIOCEXCL: uart.exclusive++; return 0;
    case TIOCNXCL: return 0;
    case TCFLSH: uart.flushed++; return 0;
    default: return answer(ENOTTY);
    }
}

int __wrap_fstat(int fd, struct stat *info)
{
    int result = __real_fstat(fd, info);
    if (uart.is_on) {
        info->st_rdev = makedev(4, 64); // ttyS0
    }
    return result;
}

static char path[64];

static enum err open_uart(struct serial *serial, struct serial_cfg cfg)
{
    cfg.path = path;
    uart.is_on = true;
    // Left by another program: everything that raw must take away.
    memset(&uart.tty, 0xFF, sizeof(uart.tty));
    enum err err = serial_open(serial, &cfg);
    serial_close(serial);
    uart.is_on = false;
    return err;
}

static int set_up(void **state)
{
    uart = (struct uart){0};
    int *pty = malloc(sizeof(*pty));
    *state = pty;
    *pty = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int unlock = 0;
    unsigned number = 0;
    if (*pty < 0 || __real_ioctl(*pty, TIOCSPTLCK, &unlock) != 0 ||
        __real_ioctl(*pty, TIOCGPTN, &number) != 0) {
        return -1;
    }
    snprintf(path, sizeof(path), "/dev/pts/%u", number);
    return 0;
}

static int tear_down(void **state)
{
    close(*(int *)*state);
    free(*state);
    return 0;
}

static void test_every_format_is_raw_and_exact(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        tcflag_t flags, input;
    } cases[] = {
        {"8N1", CS8, 0},
        {"8E1", CS8 | PARENB, INPCK},
        {"8O1", CS8 | PARENB | PARODD, INPCK},
        {"8N2", CS8 | CSTOPB, 0},
        {"8E2", CS8 | PARENB | CSTOPB, INPCK},
        {"8O2", CS8 | PARENB | PARODD | CSTOPB, INPCK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct serial_cfg cfg = {.baud = 19200};
        struct serial serial;
        assert_int_equal(serial_format(cases[i].format, &cfg), OK);
        assert_int_equal(open_uart(&serial, cfg), OK);
        assert_int_equal(uart.tty.c_cflag, cases[i].flags | BOTHER | CREAD | CLOCAL);
        assert_int_equal(uart.tty.c_iflag, cases[i].input);
        assert_int_equal(uart.tty.c_oflag, 0);
        assert_int_equal(uart.tty.c_lflag, 0);
        assert_int_equal(uart.tty.c_cc[VMIN], 1);
        assert_int_equal(uart.tty.c_cc[VTIME], 0);
        assert_int_equal(uart.exclusive, i + 1);
        assert_int_equal(uart.flushed, i + 1);
        assert_int_equal(uart.rs485.flags, 0); // not asked for, not touched
    }
}

static void test_any_speed_is_asked_for_as_it_is(void **state)
{
    (void)state;
    static const uint32_t speeds[] = {300,    1200,   2400,   4800,   9600,   19200,
                                      38400,  57600,  115200, 230400, 460800, 921600,
                                      250000, 187500, 12345,  3000000};
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
        struct serial serial;
        assert_int_equal(open_uart(&serial, (struct serial_cfg){.baud = speeds[i]}), OK);
        assert_int_equal(uart.tty.c_ispeed, speeds[i]);
        assert_int_equal(uart.tty.c_ospeed, speeds[i]);
        assert_int_equal(uart.tty.c_cflag & CBAUD, BOTHER);
        assert_int_equal(serial.char_ns, UINT64_C(10000000000) / speeds[i]);
    }
}

static void test_a_speed_too_far_off_is_named(void **state)
{
    (void)state;
    static const struct {
        speed_t nearest;
        enum err err;
    } cases[] = {{10250, OK}, {10251, ERR_UNSUPPORTED}, {9750, OK}, {9749, ERR_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct serial serial;
        uart.nearest = cases[i].nearest;
        assert_int_equal(open_uart(&serial, (struct serial_cfg){.baud = 10000}), cases[i].err);
        char words[96];
        snprintf(words, sizeof(words), "cannot do 10000 baud (nearest: %u)", cases[i].nearest);
        assert_int_equal(strstr(serial.problem, words) != NULL, cases[i].err != OK);
    }
}

// A frame whose end is computed by the speed asked for would seem to end after its first reply byte
// when the driver is quicker.
static void test_times_are_of_the_speed_that_the_driver_makes(void **state)
{
    (void)state;
    static const struct {
        speed_t nearest;
        const char *words;
    } cases[] = {{0, ""},
                 {10000, ""},
                 {10250, "the driver makes 10250 baud of 10000 (+2.50 %)"},
                 {9984, "the driver makes 9984 baud of 10000 (-0.16 %)"}};
    const uint8_t frame[8] = {1, 3, 0, 0, 0, 1, 0x84, 0x0A};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t baud = cases[i].nearest != 0 ? cases[i].nearest : 10000;
        struct serial_cfg cfg = {.path = path, .baud = 10000, .parity = SERIAL_EVEN};
        struct serial serial;
        uint64_t first_us = 0;
        uint64_t end_us = 0;
        char words[96] = "?";
        uart.nearest = cases[i].nearest;
        uart.is_on = true;
        assert_int_equal(serial_open(&serial, &cfg), OK);
        assert_int_equal(serial_write(&serial, bytes_of(frame, sizeof(frame)), &first_us, &end_us),
                         OK);
        serial_say_speed(&serial, &cfg, words, sizeof(words));
        serial_close(&serial);
        uart.is_on = false;
        assert_int_equal(serial.baud, baud);
        assert_string_equal(words, cases[i].words);
        const uint64_t wire_ns = sizeof(frame) * 11 * UINT64_C(1000000000) / baud;
        assert_true((end_us - first_us) * 1000 <= wire_ns);
        assert_true((end_us - first_us + 1) * 1000 + sizeof(frame) > wire_ns);
    }
}

static void test_a_format_that_is_dropped_is_named(void **state)
{
    (void)state;
    static const tcflag_t dropped[] = {PARENB, PARODD, CSTOPB};
    struct serial serial;
    struct serial_cfg cfg = {.baud = 9600, .parity = SERIAL_ODD, .stop_bits = 2};
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        uart.cannot = dropped[i];
        assert_int_equal(open_uart(&serial, cfg), ERR_UNSUPPORTED);
        assert_non_null(strstr(serial.problem, "parity or number of stop bits"));
    }
    uart.cannot = 0;
    assert_int_equal(open_uart(&serial, cfg), OK);
}

static void test_rs485_direction_is_exact_both_ways_round(void **state)
{
    (void)state;
    struct serial serial;
    struct serial_cfg cfg = {
        .baud = 9600, .rs485 = true, .rs485_before_ms = 2, .rs485_after_ms = 3};
    assert_int_equal(open_uart(&serial, cfg), OK);
    struct serial_rs485 expected = {
        .flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND,
        .delay_rts_before_send = 2,
        .delay_rts_after_send = 3,
    };
    assert_memory_equal(&uart.rs485, &expected, sizeof(expected));
    cfg.rs485_low = true;
    assert_int_equal(open_uart(&serial, cfg), OK);
    expected.flags = SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND;
    assert_memory_equal(&uart.rs485, &expected, sizeof(expected));
}

static void test_rs485_that_the_driver_cannot_do_is_named(void **state)
{
    (void)state;
    struct serial serial;
    struct serial_cfg cfg = {.baud = 9600, .rs485 = true};
    static const int errors[] = {ENOTTY, EINVAL, EOPNOTSUPP};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        uart.rs485_errno = errors[i];
        assert_int_equal(open_uart(&serial, cfg), ERR_UNSUPPORTED);
        assert_non_null(strstr(serial.problem, "RS-485 direction control refused"));
        assert_non_null(strstr(serial.problem, "\"direction\": \"none\""));
    }
    uart.rs485_errno = 0;
    static const uint32_t dropped[] = {SER_RS485_ENABLED, SER_RS485_RTS_ON_SEND};
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        uart.rs485_not = dropped[i]; // said yes, and did something else
        assert_int_equal(open_uart(&serial, cfg), ERR_UNSUPPORTED);
        assert_non_null(strstr(serial.problem, "RS-485 direction control refused"));
    }
    cfg.rs485 = false;
    assert_int_equal(open_uart(&serial, cfg), OK);
}

static void test_low_latency_is_added_and_never_demanded(void **state)
{
    (void)state;
    struct serial serial;
    uart.driver.flags = ASYNC_SKIP_TEST;
    uart.driver.baud_base = 1843200;
    assert_int_equal(open_uart(&serial, (struct serial_cfg){.baud = 9600}), OK);
    assert_int_equal(uart.driver.flags, ASYNC_SKIP_TEST | ASYNC_LOW_LATENCY);
    assert_int_equal(uart.driver.baud_base, 1843200);
    uart.driver.flags = 0;
    uart.driver_errno = EPERM;
    assert_int_equal(open_uart(&serial, (struct serial_cfg){.baud = 9600}), OK);
    assert_int_equal(uart.driver.flags, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_format_is_raw_and_exact),
        TEST(test_any_speed_is_asked_for_as_it_is),
        TEST(test_a_speed_too_far_off_is_named),
        TEST(test_times_are_of_the_speed_that_the_driver_makes),
        TEST(test_a_format_that_is_dropped_is_named),
        TEST(test_rs485_direction_is_exact_both_ways_round),
        TEST(test_rs485_that_the_driver_cannot_do_is_named),
        TEST(test_low_latency_is_added_and_never_demanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
