// SPDX-License-Identifier: Apache-2.0
// Just enough of ELF32 for ARM: segments by virtual address, entry, symbols.
#ifndef SIM_MT3620_ELF_H
#define SIM_MT3620_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define ELF_SEGMENTS_MAX 8

struct elf_segment {
    uint32_t address, memory_size;
    struct bytes data; // within the file
};

struct elf {
    uint8_t *file; // owned
    size_t size;
    uint32_t entry;
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    struct bytes symbols, names; // empty: none
};

// False: problem says why.
bool elf_open(struct elf *elf, const char *path, char *problem, size_t capacity);
void elf_close(struct elf *elf);
bool elf_symbol(const struct elf *elf, const char *name, uint32_t *value);

#endif
