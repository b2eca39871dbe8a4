// SPDX-License-Identifier: Apache-2.0
// Goal: libmodbus, which nobody here wrote, understands our server over TCP and over a PTY, and our
// codec understands its server. Method: its client against our server in a child; our frames
// against its reply function over a socket pair.
#include "tests/system/modbus/peer_server.h"

#include "modbus/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

static void end(pid_t child)
{
    assert_true(child > 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void talk_bits(modbus_t *ctx)
{
    uint8_t bits[PEER_REGS];
    assert_int_equal(modbus_write_bit(ctx, 3, 1), 1);
    memset(bits, 1, sizeof(bits));
    assert_int_equal(modbus_write_bits(ctx, 10, 19, bits), 19);
    assert_int_equal(modbus_read_bits(ctx, 0, 40, bits), 40);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(bits[i], i == 3 || (i >= 10 && i < 29));
    }
    assert_int_equal(modbus_read_input_bits(ctx, 0, PEER_REGS, bits), PEER_REGS);
    for (int i = 0; i < PEER_REGS; i++) {
        assert_int_equal(bits[i], i % 2);
    }
}

static void talk_registers(modbus_t *ctx)
{
    uint16_t regs[MODBUS_MAX_READ_REGISTERS];
    assert_int_equal(modbus_read_input_registers(ctx, 75, 125, regs), 125);
    for (int i = 0; i < 125; i++) {
        assert_int_equal(regs[i], 3 * (75 + i));
    }
    assert_int_equal(modbus_write_register(ctx, 7, 0xbeef), 1);
    assert_int_equal(modbus_write_registers(ctx, 60, 123, regs), 123);
    assert_int_equal(modbus_read_registers(ctx, 60, 123, regs), 123);
    assert_int_equal(regs[122], 3 * 197);
    assert_int_equal(modbus_write_register(ctx, 8, 0x12), 1);
    assert_int_equal(modbus_mask_write_register(ctx, 8, 0xf2, 0x25), 1);
    assert_int_equal(modbus_read_registers(ctx, 7, 2, regs), 2);
    assert_int_equal(regs[0], 0xbeef);
    assert_int_equal(regs[1], 0x17);
    const uint16_t both[] = {1, 2, 3};
    assert_int_equal(modbus_write_and_read_registers(ctx, 20, 3, both, 19, 5, regs), 5);
    assert_int_equal(regs[1], 1);
    assert_int_equal(regs[3], 3);
}

static void talk(modbus_t *ctx)
{
    uint16_t regs[2];
    uint8_t id[16];
    assert_non_null(ctx);
    assert_int_equal(modbus_set_slave(ctx, 17), 0);
    assert_int_equal(modbus_set_response_timeout(ctx, 10, 0), 0);
    assert_int_equal(modbus_connect(ctx), 0);
    talk_bits(ctx);
    talk_registers(ctx);
    assert_int_equal(modbus_report_slave_id(ctx, sizeof(id), id), 3);
    assert_memory_equal(id, "BW\xff", 3);
    assert_int_equal(modbus_read_registers(ctx, 199, 2, regs), -1);
    assert_int_equal(errno, EMBXILADD);
    assert_int_equal(modbus_read_registers(ctx, 199, 1, regs), 1); // good after bad
    modbus_close(ctx);
    modbus_free(ctx);
}

static void test_their_client_and_our_server_over_tcp(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    pid_t child = peer_serve_tcp(fd);
    talk(modbus_new_tcp("127.0.0.1", ntohs(at.sin_port)));
    end(child);
    close(fd);
}

static void test_their_client_and_our_server_over_a_pty(void **state)
{
    (void)state;
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0);
    char name[64];
    assert_int_equal(ptsname_r(fd, name, sizeof(name)), 0);
    int peer = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;
    assert_int_equal(tcgetattr(peer, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(peer, TCSANOW, &raw), 0);
    pid_t child = peer_serve_rtu(fd);
    talk(modbus_new_rtu(name, 115200, 'N', 8, 1));
    end(child);
    close(peer);
    close(fd);
}

struct their_server {
    modbus_t *ctx;
    modbus_mapping_t *mapping;
    int ours; // our end of the connection
};

static void start_theirs(struct their_server *theirs)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    theirs->ours = fds[0];
    theirs->ctx = modbus_new_tcp("127.0.0.1", 0);
    assert_non_null(theirs->ctx);
    assert_int_equal(modbus_set_socket(theirs->ctx, fds[1]), 0);
    theirs->mapping = modbus_mapping_new(PEER_REGS, PEER_REGS, PEER_REGS, PEER_REGS);
    assert_non_null(theirs->mapping);
    for (int i = 0; i < PEER_REGS; i++) {
        theirs->mapping->tab_input_registers[i] = (uint16_t)(5 * i);
    }
}

// Our request at their server; their reply decoded by us, data in `buffer`.
static void ask(struct their_server *theirs, const struct mb_request *request,
                struct mb_reply *reply, uint8_t *buffer)
{
    uint8_t pdu[MB_PDU_SIZE_MAX];
    uint8_t adu[MB_TCP_SIZE_MAX];
    struct writer w = writer_of(pdu, sizeof(pdu));
    assert_int_equal(mb_request_encode(request, &w), OK);
    struct mb_frame frame = {.transaction = 77, .unit = 17, .pdu = writer_bytes(&w)};
    struct writer out = writer_of(adu, sizeof(adu));
    assert_int_equal(mb_tcp_encode(&frame, &out), OK);
    assert_int_equal(write(theirs->ours, adu, out.size), out.size);

    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int size = modbus_receive(theirs->ctx, query);
    assert_true(size > 0);
    assert_true(modbus_reply(theirs->ctx, query, size, theirs->mapping) > 0);
    ssize_t got = read(theirs->ours, buffer, MB_TCP_SIZE_MAX);
    assert_true(got > 0);
    struct mb_stream stream;
    mb_stream_init(&stream, MB_STREAM_TCP, MB_REPLIES);
    assert_int_equal(mb_stream_add(&stream, bytes_of(buffer, (size_t)got)), got);
    assert_int_equal(mb_stream_next(&stream, &frame), OK);
    assert_int_equal(frame.transaction, 77);
    memcpy(buffer, frame.pdu.data, frame.pdu.size);
    assert_int_equal(mb_reply_decode(bytes_of(buffer, frame.pdu.size), request, reply), OK);
}

static void test_our_client_codec_and_their_server(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x12, 0x34, 0x56, 0x78};
    struct their_server theirs;
    struct mb_reply reply;
    uint8_t buffer[MB_TCP_SIZE_MAX];
    start_theirs(&theirs);
    static const struct mb_request requests[] = {
        {.fc = MB_READ_COILS, .count = 200},
        {.fc = MB_READ_DISCRETE, .count = 1},
        {.fc = MB_READ_HOLDING, .count = 125},
        {.fc = MB_READ_INPUT, .address = 75, .count = 125},
        {.fc = MB_WRITE_COIL, .address = 5, .value = MB_COIL_ON},
        {.fc = MB_WRITE_REG, .address = 6, .value = 0xabcd},
        {.fc = MB_WRITE_COILS, .address = 8, .count = 10, .data = {data, 2}},
        {.fc = MB_WRITE_REGS, .address = 9, .count = 2, .data = {data, 4}},
        {.fc = MB_MASK_WRITE, .address = 6, .and_mask = 0xff00, .or_mask = 0x0012},
        {.fc = MB_READ_WRITE,
         .address = 30,
         .count = 3,
         .write_address = 31,
         .write_count = 2,
         .data = {data, 4}},
        {.fc = MB_SERVER_ID},
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        ask(&theirs, &requests[i], &reply, buffer);
        assert_int_equal(reply.exception, MB_EX_NONE);
        if (requests[i].fc == MB_READ_INPUT) {
            assert_int_equal(mb_reg(reply.data, 124), 5 * 199);
        } else if (requests[i].fc == MB_READ_WRITE) {
            assert_int_equal(mb_reg(reply.data, 1), 0x1234);
        }
    }
    assert_int_equal(theirs.mapping->tab_registers[6], 0xab12);
    assert_int_equal(theirs.mapping->tab_bits[5], 1);
    assert_int_equal(theirs.mapping->tab_bits[9], 1); // second bit of 0x12
    assert_int_equal(theirs.mapping->tab_registers[10], 0x5678);
    ask(&theirs, &(struct mb_request){.fc = MB_READ_HOLDING, .address = 199, .count = 2}, &reply,
        buffer);
    assert_int_equal(reply.exception, MB_EX_ADDRESS);
    modbus_mapping_free(theirs.mapping);
    modbus_close(theirs.ctx);
    modbus_free(theirs.ctx);
    close(theirs.ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_their_client_and_our_server_over_tcp),
        cmocka_unit_test(test_their_client_and_our_server_over_a_pty),
        cmocka_unit_test(test_our_client_codec_and_their_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
