// SPDX-License-Identifier: Apache-2.0
#include "modbus/server_data.h"

#include "base/assert.h"

static size_t data_size(const struct mb_access *access)
{
    bool is_bits = access->table == MB_COILS || access->table == MB_DISCRETE;
    return is_bits ? ((size_t)access->count + 7) / 8 : 2 * (size_t)access->count;
}

static enum mb_exception read_table(struct mb_server *server, const struct mb_access *access,
                                    struct writer *w)
{
    const struct mb_server_config *config = &server->config;
    if (config->ops->read == NULL) {
        return MB_EX_FUNCTION;
    }
    size_t before = w->size;
    enum mb_exception no = config->ops->read(config->ctx, access, w);
    if (no == MB_EX_NONE && !access->is_check) {
        ASSERT(!w->failed && w->size - before == data_size(access));
    }
    return no;
}

static enum mb_exception write_table(struct mb_server *server, const struct mb_access *access)
{
    const struct mb_server_config *config = &server->config;
    return config->ops->write == NULL ? MB_EX_FUNCTION : config->ops->write(config->ctx, access);
}

static enum mb_exception serve_read(struct mb_server *server, struct mb_access *access,
                                    enum mb_table table)
{
    access->table = table;
    struct writer w = writer_of(server->data, sizeof(server->data));
    enum mb_exception no = read_table(server, access, &w);
    server->reply.data = writer_bytes(&w);
    return no;
}

static enum mb_exception serve_write(struct mb_server *server, struct mb_access *access)
{
    const struct mb_request *request = &server->request;
    struct writer w = writer_of(server->data, sizeof(server->data));
    bool is_coil = request->fc == MB_WRITE_COIL || request->fc == MB_WRITE_COILS;
    access->table = is_coil ? MB_COILS : MB_HOLDING;
    access->data = request->data;
    if (request->fc == MB_WRITE_COIL || request->fc == MB_WRITE_REG) {
        access->count = 1;
        if (is_coil) {
            put_u8(&w, request->value == MB_COIL_ON);
        } else {
            put_u16be(&w, request->value);
        }
        access->data = writer_bytes(&w);
    }
    server->reply.address = request->address;
    server->reply.count = request->count;
    server->reply.value = request->value;
    return write_table(server, access);
}

static enum mb_exception serve_mask_write(struct mb_server *server, struct mb_access *access)
{
    const struct mb_request *request = &server->request;
    struct writer old = writer_of(server->data, sizeof(server->data));
    access->table = MB_HOLDING;
    access->count = 1;
    enum mb_exception no =
        server->config.ops->write == NULL ? MB_EX_FUNCTION : read_table(server, access, &old);
    if (no != MB_EX_NONE) {
        return no;
    }
    uint16_t kept = mb_reg(writer_bytes(&old), 0) & request->and_mask;
    uint16_t set = request->or_mask & (uint16_t)~request->and_mask;
    struct writer w = writer_of(server->data, sizeof(server->data));
    put_u16be(&w, kept | set);
    access->data = writer_bytes(&w);
    server->reply.address = request->address;
    server->reply.and_mask = request->and_mask;
    server->reply.or_mask = request->or_mask;
    return write_table(server, access);
}

// The write comes first [AP 6.17], but only when the read will work.
static enum mb_exception serve_read_write(struct mb_server *server, struct mb_access *access)
{
    const struct mb_request *request = &server->request;
    struct writer none = writer_of(server->data, sizeof(server->data));
    access->table = MB_HOLDING;
    access->is_check = true;
    enum mb_exception no =
        server->config.ops->write == NULL ? MB_EX_FUNCTION : read_table(server, access, &none);
    if (no != MB_EX_NONE) {
        return no;
    }
    struct mb_access write = {
        .table = MB_HOLDING,
        .fc = request->fc,
        .address = request->write_address,
        .count = request->write_count,
        .now_us = access->now_us,
        .data = request->data,
    };
    no = write_table(server, &write);
    if (no != MB_EX_NONE) {
        return no;
    }
    access->is_check = false;
    return serve_read(server, access, MB_HOLDING);
}

static enum mb_exception read_record(struct mb_server *server, struct mb_record *record,
                                     struct writer *w)
{
    const struct mb_server_config *config = &server->config;
    if (config->ops->read_file == NULL) {
        return MB_EX_FUNCTION;
    }
    size_t before = w->size;
    enum mb_exception no = config->ops->read_file(config->ctx, record, w);
    if (no == MB_EX_NONE) {
        ASSERT(!w->failed && w->size - before == 2 * (size_t)record->count);
        record->data = bytes_of(w->data + before, w->size - before);
    }
    return no;
}

static enum mb_exception write_record(struct mb_server *server, const struct mb_record *record)
{
    const struct mb_server_config *config = &server->config;
    return config->ops->write_file == NULL ? MB_EX_FUNCTION
                                           : config->ops->write_file(config->ctx, record);
}

static enum mb_exception serve_files(struct mb_server *server)
{
    const struct mb_request *request = &server->request;
    struct mb_reply *reply = &server->reply;
    struct writer w = writer_of(server->data, sizeof(server->data));
    enum mb_exception no = MB_EX_NONE;
    for (size_t i = 0; i < request->record_count && no == MB_EX_NONE; i++) {
        struct mb_record *record = &reply->records[reply->record_count++];
        *record = request->records[i];
        no = request->fc == MB_WRITE_FILE ? write_record(server, record)
                                          : read_record(server, record, &w);
    }
    return no;
}

static enum mb_exception serve_fifo(struct mb_server *server)
{
    const struct mb_server_config *config = &server->config;
    if (config->ops->read_fifo == NULL) {
        return MB_EX_FUNCTION;
    }
    struct writer w = writer_of(server->data, sizeof(server->data));
    enum mb_exception no = config->ops->read_fifo(config->ctx, server->request.address, &w);
    if (no != MB_EX_NONE) {
        return no;
    }
    if (w.failed || w.size > 2 * MB_FIFO_MAX) {
        return MB_EX_VALUE; // more than 31 in the queue [AP 6.18]
    }
    ASSERT(w.size % 2 == 0);
    server->reply.data = writer_bytes(&w);
    server->reply.count = (uint16_t)(w.size / 2);
    return MB_EX_NONE;
}

enum mb_exception mb_server_serve_data(struct mb_server *server, uint64_t now_us)
{
    const struct mb_request *request = &server->request;
    struct mb_access access = {
        .fc = request->fc,
        .address = request->address,
        .count = request->count,
        .now_us = now_us,
    };
    switch (request->fc) {
    case MB_READ_COILS: return serve_read(server, &access, MB_COILS);
    case MB_READ_DISCRETE: return serve_read(server, &access, MB_DISCRETE);
    case MB_READ_HOLDING: return serve_read(server, &access, MB_HOLDING);
    case MB_READ_INPUT: return serve_read(server, &access, MB_INPUT);
    case MB_WRITE_COIL:
    case MB_WRITE_REG:
    case MB_WRITE_COILS:
    case MB_WRITE_REGS: return serve_write(server, &access);
    case MB_READ_FILE:
    case MB_WRITE_FILE: return serve_files(server);
    case MB_MASK_WRITE: return serve_mask_write(server, &access);
    case MB_READ_WRITE: return serve_read_write(server, &access);
    case MB_READ_FIFO: return serve_fifo(server);
    default: return MB_EX_FUNCTION;
    }
}
