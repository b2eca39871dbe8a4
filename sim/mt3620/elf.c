// SPDX-License-Identifier: Apache-2.0
#include "sim/mt3620/elf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX    (8U << 20)
#define EM_ARM      40
#define ET_EXEC     2
#define PT_LOAD     1
#define SHT_SYMTAB  2
#define HEADER_SIZE 52
#define SYMBOL_SIZE 16

static bool read_file(struct elf *elf, const char *path)
{
    FILE *in = fopen(path, "rbe");
    if (in == NULL) {
        return false;
    }
    elf->file = malloc(FILE_MAX);
    elf->size = elf->file == NULL ? 0 : fread(elf->file, 1, FILE_MAX, in);
    (void)fclose(in);
    return elf->size != 0 && elf->size < FILE_MAX;
}

static struct bytes part(const struct elf *elf, uint32_t offset, uint32_t size)
{
    bool fits = offset <= elf->size && size <= elf->size - offset;
    return fits ? bytes_of(elf->file + offset, size) : bytes_of(NULL, 0);
}

static bool read_segments(struct elf *elf, uint32_t offset, uint16_t entry_size, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        struct reader in = reader_of(part(elf, offset + i * (uint32_t)entry_size, 32));
        uint32_t type = get_u32le(&in);
        uint32_t from = get_u32le(&in);
        uint32_t address = get_u32le(&in);
        (void)get_u32le(&in); // the loader goes by the virtual address
        uint32_t file_size = get_u32le(&in);
        uint32_t memory_size = get_u32le(&in);
        if (in.failed || elf->segment_count == ELF_SEGMENTS_MAX) {
            return false;
        }
        if (type != PT_LOAD || memory_size == 0) {
            continue;
        }
        struct elf_segment segment = {address, memory_size, part(elf, from, file_size)};
        if (segment.data.size != file_size || file_size > memory_size) {
            return false;
        }
        elf->segments[elf->segment_count++] = segment;
    }
    return elf->segment_count != 0;
}

static void read_symbols(struct elf *elf, uint32_t offset, uint16_t entry_size, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        struct reader in = reader_of(part(elf, offset + i * (uint32_t)entry_size, 40));
        (void)get_u32le(&in);
        uint32_t type = get_u32le(&in);
        (void)get_bytes(&in, 8);
        uint32_t from = get_u32le(&in);
        uint32_t size = get_u32le(&in);
        uint32_t link = get_u32le(&in);
        if (type != SHT_SYMTAB || link >= count) {
            continue;
        }
        elf->symbols = part(elf, from, size);
        struct reader names = reader_of(part(elf, offset + link * (uint32_t)entry_size, 40));
        (void)get_bytes(&names, 16);
        uint32_t names_from = get_u32le(&names);
        elf->names = part(elf, names_from, get_u32le(&names));
    }
}

bool elf_open(struct elf *elf, const char *path, char *problem, size_t capacity)
{
    memset(elf, 0, sizeof *elf);
    if (!read_file(elf, path)) {
        snprintf(problem, capacity, "%s: cannot be read", path);
        return false;
    }
    struct reader in = reader_of(part(elf, 0, HEADER_SIZE));
    struct bytes ident = get_bytes(&in, 16);
    static const uint8_t WANT[6] = {0x7f, 'E', 'L', 'F', 1, 1}; // 32 bits, little-endian
    bool good = ident.size == 16 && memcmp(ident.data, WANT, sizeof WANT) == 0;
    good = get_u16le(&in) == ET_EXEC && good;
    good = get_u16le(&in) == EM_ARM && good;
    (void)get_u32le(&in);
    elf->entry = get_u32le(&in);
    uint32_t segments = get_u32le(&in);
    uint32_t sections = get_u32le(&in);
    (void)get_bytes(&in, 6);
    uint16_t segment_size = get_u16le(&in);
    uint16_t segment_count = get_u16le(&in);
    uint16_t section_size = get_u16le(&in);
    uint16_t section_count = get_u16le(&in);
    if (!good || in.failed || !read_segments(elf, segments, segment_size, segment_count)) {
        snprintf(problem, capacity, "%s: no 32-bit ARM executable with segments to load", path);
        return false;
    }
    read_symbols(elf, sections, section_size, section_count);
    return true;
}

void elf_close(struct elf *elf)
{
    free(elf->file);
    elf->file = NULL;
}

bool elf_symbol(const struct elf *elf, const char *name, uint32_t *value)
{
    size_t want = strlen(name) + 1;
    struct reader in = reader_of(elf->symbols);
    while (reader_left(&in) >= SYMBOL_SIZE) {
        uint32_t at = get_u32le(&in);
        uint32_t found = get_u32le(&in);
        (void)get_bytes(&in, 8);
        if (at < elf->names.size && want <= elf->names.size - at &&
            memcmp(elf->names.data + at, name, want) == 0) {
            *value = found;
            return true;
        }
    }
    return false;
}
