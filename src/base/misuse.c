/*
 * misuse.c -- the end of a program that broke a rule.
 */
#include <rouse/base.h>

#include <stdio.h>
#include <stdlib.h>

void rouse_misuse(const char *what, const char *name)
{
    fprintf(stderr, "rouse: %s (%s)\n", what, name != NULL ? name : "unnamed");
    fflush(stderr);
    abort();
}
