// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/json/oracle.h"

#include <string.h>

#include <jansson.h>

static json_t *load(struct bytes text)
{
    json_error_t error;
    return json_loadb((const char *)text.data, text.size,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
}

static void trace_text(FILE *out, const char *text, size_t size)
{
    fputc('"', out);
    fwrite(text, 1, size, out);
    fputs("\" ", out);
}

static void trace(FILE *out, json_t *value)
{
    const char *key = NULL;
    json_t *child = NULL;
    size_t index = 0;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        fputs("{ ", out);
        json_object_foreach(value, key, child)
        {
            trace_text(out, key, strlen(key));
            trace(out, child);
        }
        fputs("} ", out);
        break;
    case JSON_ARRAY:
        fputs("[ ", out);
        json_array_foreach(value, index, child)
        {
            trace(out, child);
        }
        fputs("] ", out);
        break;
    case JSON_STRING: trace_text(out, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER:
    case JSON_REAL: fprintf(out, "%.17g ", json_number_value(value)); break;
    case JSON_TRUE: fputs("true ", out); break;
    case JSON_FALSE: fputs("false ", out); break;
    case JSON_NULL: fputs("null ", out); break;
    }
}

bool oracle_trace(struct bytes text, FILE *out)
{
    json_t *value = load(text);
    if (value == NULL) {
        return false;
    }
    trace(out, value);
    json_decref(value);
    return true;
}

bool oracle_accepts(struct bytes text)
{
    json_t *value = load(text);
    json_decref(value);
    return value != NULL;
}
