// SPDX-License-Identifier: Apache-2.0
// Boundary: twin patches of devices and services. Input: a byte that chooses section and way, a
// patch up to a zero byte, a second patch. Judged: what is merged keeps the limits, is JSON that
// merges again, the same patch twice gives the same, and a notice replays to the same section.
#include "apps/hub/backend/twin_merge.h"
#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct twin_merge merge;
static char section[TWIN_TEXT_SIZE_MAX];
static char metadata[2 * TWIN_TEXT_SIZE_MAX];
static char again[TWIN_TEXT_SIZE_MAX];
static char shown[1 << 20];

static struct bytes keep(char *into, struct bytes text)
{
    memcpy(into, text.data, text.size);
    return bytes_of(into, text.size);
}

// A full replacement of what a device is told must be taken as a patch of the device's copy; here
// only its members without $version, which no patch may hold.
static void check_result(enum twin_section which, const struct twin_merge_in *in)
{
    struct verdict why;
    struct json_writer w;
    size_t limit = which == TWIN_TAGS ? TWIN_TAGS_SIZE_MAX : TWIN_PROPERTIES_SIZE_MAX;
    ASSERT(merge.counted <= limit && merge.properties.size <= TWIN_TEXT_SIZE_MAX);
    json_writer_init(&w, shown, sizeof(shown));
    ASSERT(twin_metadata_write(&merge.old, merge.metadata, true, &w));
    struct bytes first = keep(section, merge.properties);
    struct bytes stamps = keep(metadata, merge.metadata);
    struct twin_merge_in twice = *in;
    size_t counted = merge.counted;
    twice.old = first;
    twice.old_metadata = stamps;
    ASSERT(twin_merge_run(&merge, &twice, &why)); // the same once more
    ASSERT(merge.counted == counted);
    twice.patch = bytes_of("{}", 2);
    twice.is_replace = false;
    twice.old = first;
    ASSERT(twin_merge_run(&merge, &twice, &why));
    ASSERT(bytes_equal(merge.properties, first)); // nothing changes nothing
    twice.old = bytes_of(NULL, 0);
    twice.patch = keep(again, first);
    ASSERT(twin_merge_run(&merge, &twice, &why)); // it is a patch itself
    ASSERT(bytes_equal(merge.properties, first));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    enum twin_section which = (enum twin_section)(data[0] % 3);
    const uint8_t *end = memchr(data + 1, '\0', size - 1);
    size_t first_size = end != NULL ? (size_t)(end - data - 1) : size - 1;
    struct bytes first = bytes_of(data + 1, first_size);
    struct bytes second =
        end != NULL ? bytes_of(end + 1, size - first_size - 2) : bytes_of("{}", 2);
    struct verdict why;
    struct twin_merge_in in = {.section = which, .patch = first, .version = 1, .utc_ms = 1};
    if (!twin_merge_run(&merge, &in, &why)) {
        ASSERT(why.message[0] != '\0' &&
               (why.code == HUB_ARGUMENT_INVALID || why.code == HUB_TOO_LARGE));
        return 0;
    }
    check_result(which, &in);
    static char start[TWIN_TEXT_SIZE_MAX];
    static char stamps[2 * TWIN_TEXT_SIZE_MAX];
    in.old = bytes_of(NULL, 0);
    ASSERT(twin_merge_run(&merge, &in, &why));
    in.old = keep(start, merge.properties);
    in.old_metadata = keep(stamps, merge.metadata);
    in.patch = second;
    in.is_replace = (data[0] & 0x80) != 0;
    in.version = 2;
    if (twin_merge_run(&merge, &in, &why)) {
        check_result(which, &in);
    } else {
        ASSERT(why.code == HUB_ARGUMENT_INVALID || why.code == HUB_TOO_LARGE);
    }
    return 0;
}
