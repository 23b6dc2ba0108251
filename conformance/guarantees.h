/*
 * guarantees.h -- the guarantees as C knows them.
 *
 * guarantees.def is their one source: the ids below come from it, and so does
 * GUARANTEES.md, which `rouse-conform --guarantees` prints.
 */
#ifndef ROUSE_CONFORMANCE_GUARANTEES_H
#define ROUSE_CONFORMANCE_GUARANTEES_H

#include <stdio.h>

enum guarantee {
#define GUARANTEE(id, level, title, text, why, source) GUARANTEE_##id,
#define LESSON(id, text, source)
#define ELSEWHERE(text, why, source)
#include "guarantees.def"
#undef GUARANTEE
#undef LESSON
#undef ELSEWHERE
    GUARANTEE_COUNT
};

enum guarantee_level {
    REQUIRED,   /* holds on every backend */
    CAPABILITY, /* holds wherever the machine has what it is about */
    UNTESTED    /* promised, but no case can show it; `why` says why not */
};

struct guarantee_info {
    const char *id;
    enum guarantee_level level;
    const char *title; /* two or three words, for tables */
    const char *text;  /* what must hold */
    const char *why;
    const char *source; /* who learnt it the hard way */
};

extern const struct guarantee_info guarantees[GUARANTEE_COUNT];

const char *guarantee_level_name(enum guarantee_level level);

/* The title of the area that a guarantee belongs to, by the letter of its id. */
const char *guarantee_area(enum guarantee id);

/* The guarantee that `text` begins with, when its id ends there or is followed by one of
 * `ends`; GUARANTEE_COUNT if it begins with none. */
enum guarantee guarantee_find(const char *text, const char *ends);

/* Writes GUARANTEES.md. */
void guarantees_print(FILE *to);

#endif /* ROUSE_CONFORMANCE_GUARANTEES_H */
