/*
 * guest.h -- columns that another program runs: a rouse-conform for another system, under
 * what pretends to be that.
 *
 * "iocp,libuv-win=libuv:wine build/windows/rouse-conform.exe" are the columns "iocp" and
 * "libuv-win", for the backends "iocp" and "libuv" of a program, and the words that start
 * it. Words are separated by blanks; 'quotes' keep blanks.
 */
#ifndef ROUSE_CONFORMANCE_GUEST_H
#define ROUSE_CONFORMANCE_GUEST_H

#include "process.h"

enum { GUESTS_MAX = 8, GUEST_COLUMNS_MAX = 16, GUEST_WORDS_MAX = 16 };

struct guest_column {
    const char *name;
    const char *backend; /* as the program knows it */
};

/* Full of zeroes before it is parsed. */
struct guest {
    char *text; /* what the others point into */
    struct guest_column columns[GUEST_COLUMNS_MAX];
    int column_count;
    const char *words[GUEST_WORDS_MAX + 1]; /* ends in NULL */
    struct process keeper;
};

/* GOOD, or CANNOT after one line that says why. */
int guest_parse(struct guest *guest, const char *text);

/* Has the system that it runs on come up, and stay up until guest_leave(). What that starts
 * beside it belongs to no case, and is not ended with one. */
void guest_come(struct guest *guest);
void guest_leave(struct guest *guest);

/* What a keeper does. */
int guest_keep(void);

#endif /* ROUSE_CONFORMANCE_GUEST_H */
