/*
 * guarantees.c -- guarantees.def as a table, and as a page.
 */
#include "guarantees.h"

#include <string.h>

const struct guarantee_info guarantees[GUARANTEE_COUNT] = {
#define GUARANTEE(id, level, title, text, why, source) {#id, level, title, text, why, source},
#define LESSON(id, text, source)
#define ELSEWHERE(text, why, source)
#include "guarantees.def"
#undef GUARANTEE
#undef LESSON
#undef ELSEWHERE
};

/* The same file once more, for what refines a guarantee and for what belongs to none. */
static const struct lesson {
    enum guarantee id; /* GUARANTEE_COUNT for what rouse does not take on */
    const char *text;
    const char *why; /* then */
    const char *source;
} lessons[] = {
#define GUARANTEE(id, level, title, text, why, source)
#define LESSON(id, text, source) {GUARANTEE_##id, text, NULL, source},
#define ELSEWHERE(text, why, source) {GUARANTEE_COUNT, text, why, source},
#include "guarantees.def"
#undef GUARANTEE
#undef LESSON
#undef ELSEWHERE
};

enum { LESSONS = sizeof lessons / sizeof lessons[0] };

static const struct area {
    char letter;
    const char *title;
} areas[] = {
    {'E', "The event queue"},
    {'F', "Futures"},
    {'W', "Wakers"},
    {'T', "Tasks"},
    {'R', "Reactor"},
    {'M', "Timers"},
    {'N', "Sockets"},
    {'G', "Signals"},
    {'L', "Lifetime"},
    {'X', "Faults"},
    {'B', "Backends, and being a guest"},
    {'S', "The simulation"},
};

enum { AREAS = sizeof areas / sizeof areas[0] };

const char *guarantee_level_name(enum guarantee_level level)
{
    switch (level) {
    case REQUIRED: return "required";
    case CAPABILITY: return "capability";
    case UNTESTED: return "untested";
    }
    return "unknown";
}

const char *guarantee_area(enum guarantee id)
{
    for (int i = 0; i < AREAS; i++)
        if (areas[i].letter == guarantees[id].id[0])
            return areas[i].title;
    return "Others";
}

enum guarantee guarantee_find(const char *text, const char *ends)
{
    for (int i = 0; i < GUARANTEE_COUNT; i++) {
        const size_t length = strlen(guarantees[i].id);

        /* strchr() finds the final zero too, so that an id may end the text. */
        if (strncmp(text, guarantees[i].id, length) == 0 && strchr(ends, text[length]) != NULL)
            return (enum guarantee) i;
    }
    return GUARANTEE_COUNT;
}

static void print_guarantee(FILE *to, enum guarantee id)
{
    const struct guarantee_info *info = &guarantees[id];

    fprintf(to, "### %s. %s\n\n%s\n\n", info->id, info->title, info->text);
    fprintf(to, "*%s.* %s (%s)\n\n", guarantee_level_name(info->level), info->why, info->source);
    for (int i = 0; i < LESSONS; i++)
        if (lessons[i].id == id)
            fprintf(to, "- %s (%s)\n", lessons[i].text, lessons[i].source);
    for (int i = 0; i < LESSONS; i++) {
        if (lessons[i].id == id) {
            fputc('\n', to);
            return;
        }
    }
}

static void print_area(FILE *to, const struct area *area)
{
    fprintf(to, "## %c: %s\n\n", area->letter, area->title);
    for (int i = 0; i < GUARANTEE_COUNT; i++)
        if (guarantees[i].id[0] == area->letter)
            print_guarantee(to, (enum guarantee) i);
}

static int count_level(enum guarantee_level level)
{
    int count = 0;

    for (int i = 0; i < GUARANTEE_COUNT; i++)
        count += guarantees[i].level == level;
    return count;
}

void guarantees_print(FILE *to)
{
    fprintf(
        to,
        "# Guarantees\n\n"
        "What every backend promises, and what `rouse-conform` holds it to. Ids are those of the\n"
        "clauses in the headers, and are never used again for something else. The notes below a\n"
        "guarantee refine it: each is something that another library got wrong, with the place "
        "where\n"
        "that can be read up.\n\n"
        "This page is written by `rouse-conform --guarantees` from `guarantees.def`.\n\n");
    fprintf(
        to,
        "There are %d: %d required of every backend, %d wherever the machine has what they are\n"
        "about, %d untested.\n\n",
        GUARANTEE_COUNT, count_level(REQUIRED), count_level(CAPABILITY), count_level(UNTESTED));
    for (int i = 0; i < AREAS; i++)
        print_area(to, &areas[i]);
    fprintf(to, "## What rouse does not take on\n\n");
    for (int i = 0; i < LESSONS; i++)
        if (lessons[i].id == GUARANTEE_COUNT)
            fprintf(to, "- %s *%s* (%s)\n", lessons[i].text, lessons[i].why, lessons[i].source);
}
