/*
 * traceable.c -- whether what is tested can be traced to what is promised, and back.
 */
#include "traceable.h"

#include <stdio.h>
#include <string.h>

#include "report.h"

static int complain(const struct suite_case *which, const char *what)
{
    fprintf(stderr, "rouse-conform: %s:%d: %s %s\n", report_file(which->file), which->line,
            which->name, what);
    return 1;
}

/* "E5 E1": known ids, and one at least. */
static bool tags_known(const char *tags)
{
    for (;;) {
        if (guarantee_find(tags, " ") == GUARANTEE_COUNT)
            return false;
        tags = strchr(tags, ' ');
        if (tags == NULL)
            return true;
        tags++;
    }
}

/* Whether "e5_forget_..." begins with the first of "E5 E1". */
static bool named_after(const char *name, const char *tags)
{
    for (; *tags != ' ' && *tags != '\0'; tags++, name++)
        if (*name != (*tags >= 'A' && *tags <= 'Z' ? *tags - 'A' + 'a' : *tags))
            return false;
    return *name == '_';
}

static int trace_case(const struct suite_case *const *cases, int at)
{
    const struct suite_case *which = cases[at];

    if (which->guarantees[0] == '\0')
        return complain(which, "names no guarantee");
    if (!tags_known(which->guarantees))
        return complain(which, "names a guarantee that is not there");
    if (!named_after(which->name, which->guarantees))
        return complain(which, "is not named after its first guarantee");
    for (int other = 0; other < at; other++)
        if (strcmp(cases[other]->name, which->name) == 0)
            return complain(which, "has the name of another case");
    return 0;
}

static int trace_guarantee(const struct suite_case *const *cases, int count, enum guarantee id)
{
    int tagged = 0;

    for (int i = 0; i < count; i++)
        tagged += suite_tagged(cases[i], id);
    if (tagged == 0 && guarantees[id].level == REQUIRED)
        fprintf(stderr, "rouse-conform: guarantee %s is required and has no case\n",
                guarantees[id].id);
    else if (tagged > 0 && guarantees[id].level == UNTESTED)
        fprintf(stderr, "rouse-conform: guarantee %s is untested and has a case\n",
                guarantees[id].id);
    else
        return 0;
    return 1;
}

bool traceable(const struct suite_case *const *cases, int count, bool complete)
{
    int breaches = 0;

    for (int i = 0; i < count; i++)
        breaches += trace_case(cases, i);
    for (int id = 0; complete && id < GUARANTEE_COUNT; id++)
        breaches += trace_guarantee(cases, count, (enum guarantee) id);
    if (breaches > 0)
        fprintf(stderr, "rouse-conform: nothing was run: %d %s of traceability\n", breaches,
                breaches == 1 ? "breach" : "breaches");
    return breaches == 0;
}
