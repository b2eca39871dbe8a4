// SPDX-License-Identifier: Apache-2.0
// Pages of enrolments, groups and registrations: all of them, in the order of their ids.
#include "apps/hub/rest/answer.h"
#include "apps/hub/rest/enrolment_json.h"
#include "apps/hub/rest/handlers.h"

#include <stdio.h>
#include <string.h>

enum page_of { PAGE_ENROLMENTS, PAGE_GROUPS, PAGE_REGISTRATIONS };

// The only question that is answered: everything. True if the text is it, in any case of letters.
static bool is_everything(const char *text, const char *collection)
{
    static const char *const front[] = {"select", "*", "from"};
    char word[32];
    for (size_t i = 0; i < 4; i++) {
        text += strspn(text, " \t\r\n");
        const size_t size = strcspn(text, " \t\r\n");
        if (size >= sizeof(word)) {
            return false;
        }
        for (size_t k = 0; k < size; k++) {
            word[k] = (char)(text[k] >= 'A' && text[k] <= 'Z' ? text[k] - 'A' + 'a' : text[k]);
        }
        word[size] = '\0';
        if (strcmp(word, i < 3 ? front[i] : collection) != 0) {
            return false;
        }
        text += size;
    }
    return text[strspn(text, " \t\r\n")] == '\0';
}

static bool read_query(const struct rest_request *q, enum page_of of, struct verdict *why)
{
    static const char *const collections[] = {"enrollments", "enrollmentgroups", "*"};
    char text[256] = "";
    struct json_reader r;
    struct json_text key;
    json_reader_init(&r, q->body, NULL);
    const bool is_object = json_enter_object(&r);
    while (is_object && json_next_key(&r, &key)) {
        if (json_text_is(&key, "query")) {
            body_text(&r, text, sizeof(text));
        } else {
            json_skip(&r);
        }
    }
    (void)json_end(&r);
    // Of registrations the SDKs' samples ask in either way, or not at all.
    const bool is_good = of == PAGE_REGISTRATIONS
                             ? true
                             : is_everything(text, collections[of]) || is_everything(text, "*");
    return body_is_good(&r, why) &&
           (is_good || refuse(why, HUB_ARGUMENT_INVALID, "only SELECT * FROM %s is answered here",
                              of == PAGE_GROUPS ? "enrollmentGroups" : "enrollments"));
}

// The one behind `after` into the writer and its id into after; false with HUB_NOT_FOUND: no more.
static bool put_next(struct rest *rest, const struct rest_request *q, enum page_of of,
                     char after[ID_SIZE], struct json_writer *w, struct verdict *why)
{
    struct store *store = rest->cfg.store;
    const struct bytes from = bytes_of(after, strlen(after));
    if (of == PAGE_REGISTRATIONS) {
        struct registration registration;
        if (!registrations_after(store, q->routed.id, from, &registration, why)) {
            return false;
        }
        registration_put(&registration, w);
        memcpy(after, registration.id, ID_SIZE);
        return true;
    }
    if (!enrolments_after(store, from, of == PAGE_GROUPS, &rest->enrolment, why)) {
        return false;
    }
    enrolment_to_json(w, &rest->enrolment, NULL);
    memset(rest->enrolment.keys, 0, sizeof(rest->enrolment.keys));
    memcpy(after, rest->enrolment.id, ID_SIZE);
    return true;
}

static void answer_page(struct rest *rest, const struct rest_request *q, enum page_of of)
{
    char after[ID_SIZE] = "";
    char header[2 * ID_SIZE + 64] = "";
    uint32_t left = 0;
    struct verdict why;
    struct json_writer w;
    bool is_more = read_query(q, of, &why) && page_size(q->http, &left, &why) &&
                   continuation_take(q->http, (uint32_t)of, after, &why);
    if (!is_more) {
        answer_refusal(q->conn, ANSWER_DPS, &why);
        return;
    }
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    json_begin_array(&w);
    for (; left > 0 && w.size < REST_PAGE_BYTES && is_more; left--) {
        is_more = put_next(rest, q, of, after, &w, &why);
    }
    json_end_array(&w);
    if (!is_more && why.code != HUB_NOT_FOUND) {
        answer_refusal(q->conn, ANSWER_DPS, &why);
        return;
    }
    if (is_more) {
        continuation_header(after, (uint32_t)of, header, sizeof(header));
    }
    answer_json(q->conn, 200, json_writer_bytes(&w), header);
}

void enrolments_query(struct rest *rest, const struct rest_request *q)
{
    answer_page(rest, q, q->routed.route == ROUTE_GROUPS_QUERY ? PAGE_GROUPS : PAGE_ENROLMENTS);
}

void registrations_query(struct rest *rest, const struct rest_request *q)
{
    answer_page(rest, q, PAGE_REGISTRATIONS);
}

static void answer_registration(struct rest *rest, const struct rest_request *q,
                                const struct registration *registration)
{
    struct json_writer w;
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    registration_put(registration, &w);
    answer_json(q->conn, 200, json_writer_bytes(&w), NULL);
}

void registration_get(struct rest *rest, const struct rest_request *q)
{
    struct registration registration;
    struct verdict why;
    if (registrations_read(rest->cfg.store, q->routed.id, &registration, &why)) {
        answer_registration(rest, q, &registration);
    } else {
        answer_refusal(q->conn, ANSWER_DPS, &why);
    }
}

void registration_delete(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    if (registrations_delete(rest->cfg.store, q->routed.id, q->if_match, &why)) {
        answer_empty(q->conn, 204);
    } else {
        answer_refusal(q->conn, ANSWER_DPS, &why);
    }
}
