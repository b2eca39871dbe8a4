// SPDX-License-Identifier: Apache-2.0
// Any bytes as a query: parsed or refused with words, and what is accepted is asked about a device
// whose twin is the rest of the bytes.
#include "apps/hub/rest/query.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct query query;
    char why[QUERY_WHY_SIZE];
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    const size_t text_size = end != NULL ? (size_t)(end - data) : size;
    const struct bytes twin =
        end != NULL ? bytes_of(end + 1, size - text_size - 1) : bytes_of("{}", 2);
    const enum err err = query_parse(bytes_of(data, text_size), &query, why);
    ASSERT((err == OK) == (why[0] == '\0') && strlen(why) < sizeof(why));
    if (err != OK) {
        return 0;
    }
    const struct query_row row = {.device_id = bytes_of("d", 1),
                                  .status = bytes_of("enabled", 7),
                                  .tags = twin,
                                  .desired = twin,
                                  .reported = twin};
    const bool first = query_matches(&query, &row);
    ASSERT(first == query_matches(&query, &row) && (first || query.has_where));
    return 0;
}
