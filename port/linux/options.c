// SPDX-License-Identifier: Apache-2.0
#include "port/linux/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "port/linux/log.h"

struct parse {
    const struct option_table *table;
    char *into;
    bool seen[OPTION_LIST_MAX];
    bool wrong;
};

static void complain(struct parse *p, const struct option *o, const char *problem)
{
    fprintf(stderr, "%s: %s%s %s\n", p->table->program, o->type == OPTION_REST ? "" : "--", o->name,
            problem);
    p->wrong = true;
}

static void complain_word(struct parse *p, const char *what, const char *word)
{
    fprintf(stderr, "%s: %s: \"%s\"\n", p->table->program, what, word);
    p->wrong = true;
}

static void complain_range(struct parse *p, const struct option *o, const char *value)
{
    fprintf(stderr, "%s: --%s: \"%s\" is not %s", p->table->program, o->name, value,
            o->type == OPTION_UINT ? "a whole number" : "a number");
    if (o->max != 0) {
        fprintf(stderr, " from %.15g to %.15g", o->min, o->max);
    }
    fputc('\n', stderr);
    p->wrong = true;
}

static bool in_range(const struct option *o, double value)
{
    return o->max == 0 || (value >= o->min && value <= o->max);
}

static void append(struct parse *p, const struct option *o, const char *value)
{
    struct option_list *list = (void *)(p->into + o->offset);
    if (list->count == OPTION_LIST_MAX) {
        complain(p, o, "is given too often");
        return;
    }
    list->item[list->count++] = value;
}

static void set(struct parse *p, const struct option *o, const char *value)
{
    void *field = p->into + o->offset;
    char *end = NULL;
    errno = 0;
    switch (o->type) {
    case OPTION_FLAG: *(bool *)field = true; break;
    case OPTION_UINT: {
        unsigned long long number = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
            !in_range(o, (double)number)) {
            complain_range(p, o, value);
        } else {
            *(uint64_t *)field = number;
        }
        break;
    }
    case OPTION_REAL: {
        double number = strtod(value, &end);
        if (end == value || *end != '\0' || !isfinite(number) || !in_range(o, number)) {
            complain_range(p, o, value);
        } else {
            *(double *)field = number;
        }
        break;
    }
    case OPTION_TEXT: *(const char **)field = value; break;
    case OPTION_LIST:
    case OPTION_REST: append(p, o, value); break;
    }
}

static void clear(struct parse *p, const struct option *o)
{
    void *field = p->into + o->offset;
    switch (o->type) {
    case OPTION_FLAG: *(bool *)field = false; break;
    case OPTION_UINT: *(uint64_t *)field = 0; break;
    case OPTION_REAL: *(double *)field = 0; break;
    case OPTION_TEXT: *(const char **)field = NULL; break;
    case OPTION_LIST:
    case OPTION_REST: ((struct option_list *)field)->count = 0; break;
    }
}

static const char *value_name(const struct option *o)
{
    switch (o->type) {
    case OPTION_FLAG: return "";
    case OPTION_UINT: return " N";
    case OPTION_REAL: return " X";
    case OPTION_TEXT:
    case OPTION_LIST: return " TEXT";
    case OPTION_REST: return "";
    }
    return "";
}

static void print_help(const struct option_table *t)
{
    printf("%s: %s\n\nusage: %s [options]", t->program, t->purpose, t->program);
    for (size_t i = 0; i < t->count; i++) {
        if (t->options[i].type == OPTION_REST) {
            printf(" %s", t->options[i].name);
        }
    }
    printf("\n\n");
    for (size_t i = 0; i < t->count; i++) {
        const struct option *o = &t->options[i];
        char left[48];
        snprintf(left, sizeof left, "%s%s%s", o->type == OPTION_REST ? "" : "--", o->name,
                 value_name(o));
        printf("  %-26s %s", left, o->help);
        bool number = o->type == OPTION_UINT || o->type == OPTION_REAL;
        if (number && o->max != 0) {
            printf(" (%.15g to %.15g)", o->min, o->max);
        }
        if (o->fallback != NULL) {
            printf(" [%s]", o->fallback);
        }
        printf("%s\n", o->type == OPTION_LIST ? " (may be repeated)" : "");
    }
    printf("  %-26s %s\n", "--log-level TEXT", "error, warn, info or debug [info]");
    printf("  %-26s %s\n", "--version", "which version this is");
    printf("  %-26s %s\n", "--help", "this text");
}

void options_version(const char *program)
{
    printf("%.*s " BUSWARD_VERSION "\n", (int)strcspn(program, " "), program);
}

static const struct option *find(const struct option_table *t, const char *name, size_t size)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct option *o = &t->options[i];
        if (o->type != OPTION_REST && strlen(o->name) == size &&
            strncmp(o->name, name, size) == 0) {
            return o;
        }
    }
    return NULL;
}

static const struct option *find_rest(const struct option_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->options[i].type == OPTION_REST) {
            return &t->options[i];
        }
    }
    return NULL;
}

static const struct option LOG_LEVEL = {.name = "log-level", .type = OPTION_TEXT};

// One `--name`, `--name value` or `--name=value`; returns how many arguments it took.
static int take(struct parse *p, int left, char **argv)
{
    const char *name = argv[0] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals == NULL ? strlen(name) : (size_t)(equals - name);
    bool is_level = size == strlen(LOG_LEVEL.name) && strncmp(name, LOG_LEVEL.name, size) == 0;
    const struct option *o = is_level ? &LOG_LEVEL : find(p->table, name, size);
    if (o == NULL) {
        complain_word(p, "unknown option (see --help)", argv[0]);
        return 1;
    }
    const char *value = equals == NULL ? NULL : equals + 1;
    if (o->type == OPTION_FLAG) {
        if (value != NULL) {
            complain(p, o, "takes no value");
        }
        set(p, o, "");
        return 1;
    }
    int taken = 1;
    if (value == NULL) {
        if (left < 2) {
            complain(p, o, "needs a value");
            return 1;
        }
        value = argv[1];
        taken = 2;
    }
    if (is_level) {
        if (log_set_level(value) != OK) {
            complain_word(p, "--log-level is not error, warn, info or debug", value);
        }
        return taken;
    }
    size_t index = (size_t)(o - p->table->options);
    if (p->seen[index] && o->type != OPTION_LIST) {
        complain(p, o, "is given twice");
    }
    p->seen[index] = true;
    set(p, o, value);
    return taken;
}

static void check_required(struct parse *p)
{
    for (size_t i = 0; i < p->table->count; i++) {
        const struct option *o = &p->table->options[i];
        const void *field = p->into + o->offset;
        if (o->type == OPTION_TEXT && o->min > 0 && *(const char *const *)field == NULL) {
            complain(p, o, "is required");
        } else if (o->type == OPTION_LIST || o->type == OPTION_REST) {
            size_t count = ((const struct option_list *)field)->count;
            if ((double)count < o->min) {
                complain(p, o, "is missing");
            } else if (o->max != 0 && (double)count > o->max) {
                complain(p, o, "is given too often");
            }
        }
    }
}

enum option_result options_parse(const struct option_table *table, int argc, char **argv,
                                 void *into)
{
    ASSERT(table->count <= OPTION_LIST_MAX);
    struct parse p = {.table = table, .into = into};
    for (size_t i = 0; i < table->count; i++) {
        clear(&p, &table->options[i]);
        if (table->options[i].fallback != NULL) {
            set(&p, &table->options[i], table->options[i].fallback);
        }
    }
    ASSERT(!p.wrong); // the table's own defaults
    const struct option *rest = find_rest(table);
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(table);
            return OPTIONS_HELP;
        }
        if (strcmp(argv[i], "--version") == 0) {
            options_version(table->program);
            return OPTIONS_HELP;
        }
        if (strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0') {
            i += take(&p, argc - i, argv + i);
        } else if (rest != NULL) {
            append(&p, rest, argv[i]);
            i++;
        } else {
            complain_word(&p, "unexpected argument (see --help)", argv[i]);
            i++;
        }
    }
    check_required(&p);
    return p.wrong ? OPTIONS_WRONG : OPTIONS_RUN;
}
