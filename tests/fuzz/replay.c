// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over its corpus without libFuzzer: argv holds files and folders.
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_SIZE_MAX = 1 << 20 };

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "replay: cannot open %s: %s\n", path, strerror(errno));
        return -1;
    }
    uint8_t *data = malloc(INPUT_SIZE_MAX);
    size_t size = data != NULL ? fread(data, 1, INPUT_SIZE_MAX, file) : 0;
    fclose(file);
    // An exact copy, so that the sanitizer sees a read past the end.
    uint8_t *input = malloc(size > 0 ? size : 1);
    if (data == NULL || input == NULL) {
        free(data);
        free(input);
        return -1;
    }
    memcpy(input, data, size);
    free(data);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    return 1;
}

static int run_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return run_file(path);
    }
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char child[4096];
        if (snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >= (int)sizeof(child)) {
            continue;
        }
        int done = run_file(child);
        if (done < 0) {
            count = -1;
            break;
        }
        count += done;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);
        if (count < 0) {
            return 2;
        }
        total += count;
    }
    printf("replayed %d inputs\n", total);
    // An empty corpus would be a check that cannot fail.
    return total > 0 ? 0 : 1;
}
