/*
 * progress.h -- showing how far a run is.
 *
 * On a terminal, one line that is written again and again. Elsewhere, a line for each
 * backend that grows by a character for each case.
 */
#ifndef ROUSE_CONFORMANCE_PROGRESS_H
#define ROUSE_CONFORMANCE_PROGRESS_H

#include "report.h"

struct progress {
    const struct report *report;
    FILE *to;
    bool terminal;
    int columns;
    int done, all, bad; /* cases, over all backends */
    bool *over;         /* of each result, as in the report; NULL when out of memory */
    int shown;          /* results before this one are on the screen */
    int shown_backend;
};

void progress_begin(struct progress *progress, const struct report *report, FILE *to);

/* The result of case `c` on backend `b` is there. */
void progress_show(struct progress *progress, int b, int c);

void progress_end(struct progress *progress);

#endif /* ROUSE_CONFORMANCE_PROGRESS_H */
