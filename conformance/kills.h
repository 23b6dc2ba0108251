/*
 * kills.h -- which mutants the suite has killed, as ci/mutants has found out and written down.
 */
#ifndef ROUSE_CONFORMANCE_KILLS_H
#define ROUSE_CONFORMANCE_KILLS_H

#include <stdbool.h>
#include <stdio.h>

#include "guarantees.h"

/* A mutant, or a legal variant. The texts are words, separated by blanks, or "-". */
struct kill {
    const char *verdict;   /* "killed", "survived", "passes", "refused", "broken" */
    enum guarantee breaks; /* GUARANTEE_COUNT for a legal variant */
    const char *name;
    const char *on;      /* the backend that it was made of */
    const char *killers; /* cases */
    const char *red;     /* ids of guarantees, of which a cell was red */
    const char *failed;  /* how many cases, */
    const char *ran;     /* of how many */
    const char *seconds;
    const char *why;
};

struct kills {
    struct kill *list;
    int count;
    char *text; /* what the list points into */
};

/* Reads such a file. NULL, or what is wrong with it. */
const char *kills_read(struct kills *kills, const char *path);
void kills_free(struct kills *kills);

/* Whether it ended as it must: a mutant killed, a legal variant passed. */
bool kill_good(const struct kill *kill);

/* Whether a cell of this guarantee was red. */
bool kill_reddened(const struct kill *kill, enum guarantee id);

/* The kill matrix, for the page, and what its first lines say of it. */
void kills_html_card(const struct kills *kills, FILE *to);
void kills_html(const struct kills *kills, FILE *to);

#endif /* ROUSE_CONFORMANCE_KILLS_H */
