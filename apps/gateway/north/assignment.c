// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/assignment.h"

#include "base/assert.h"
#include "json/reader.h"
#include "json/writer.h"

#include <string.h>

enum { VERSION = 1 };

bool assignment_is_name(const char *text)
{
    size_t size = 0;
    while (text[size] > ' ' && text[size] <= '~' && strchr("/+#", text[size]) == NULL) {
        size++;
    }
    return size > 0 && text[size] == 0 && size < SAS_NAME_SIZE_MAX;
}

static bool take_name(struct json_reader *r, char out[SAS_NAME_SIZE_MAX])
{
    size_t size = 0;
    return json_get_string(r, out, SAS_NAME_SIZE_MAX, &size) && assignment_is_name(out);
}

enum err assignment_parse(struct bytes text, struct assignment *out)
{
    struct assignment found = {.host = ""};
    struct json_reader reader;
    struct json_text key;
    uint64_t version = 0;
    json_reader_init(&reader, text, NULL);
    bool is_good = json_enter_object(&reader);
    while (is_good && json_next_key(&reader, &key)) {
        if (json_text_is(&key, "v")) {
            is_good = json_get_u64(&reader, VERSION, VERSION, &version);
        } else if (json_text_is(&key, "id_scope")) {
            is_good = take_name(&reader, found.id_scope);
        } else if (json_text_is(&key, "registration_id")) {
            is_good = take_name(&reader, found.registration_id);
        } else if (json_text_is(&key, "host")) {
            is_good = take_name(&reader, found.host);
        } else if (json_text_is(&key, "device_id")) {
            is_good = take_name(&reader, found.device);
        } else {
            is_good = json_skip(&reader);
        }
    }
    bool is_whole = version == VERSION && found.id_scope[0] != 0 && found.registration_id[0] != 0 &&
                    found.host[0] != 0 && found.device[0] != 0;
    if (!is_good || !is_whole || !json_end(&reader)) {
        return ERR_CORRUPT;
    }
    *out = found;
    return OK;
}

size_t assignment_write(const struct assignment *in, char out[ASSIGNMENT_SIZE_MAX])
{
    struct json_writer w;
    json_writer_init(&w, out, ASSIGNMENT_SIZE_MAX - 1);
    json_begin_object(&w);
    json_put_key_u64(&w, "v", VERSION);
    json_put_key_string(&w, "id_scope", in->id_scope);
    json_put_key_string(&w, "registration_id", in->registration_id);
    json_put_key_string(&w, "host", in->host);
    json_put_key_string(&w, "device_id", in->device);
    json_end_object(&w);
    ASSERT(!w.failed); // four names, each character escaped at worst
    out[w.size] = '\n';
    return w.size + 1;
}
