/*
 * run.h -- running cases: each in a process of its own, or all in this one.
 */
#ifndef ROUSE_CONFORMANCE_RUN_H
#define ROUSE_CONFORMANCE_RUN_H

#include "report.h"

struct run_options {
    const char *self;         /* our own program */
    const char *plugin;       /* or NULL */
    bool check;               /* wrap queues in rouse_evq_check() */
    int jobs;                 /* processes at a time */
    int timeout_s;            /* for one case */
    FILE *talk;               /* where progress is shown */
    const char *const *xfail; /* patterns of cases that are to fail; ends in NULL */
    const char *const *tags;  /* ids of the guarantees that are asked about, or none */
    int stop_after;           /* after so many failures, of these, begin no other case; or 0 */
};

/* Finds out whether a backend opens here, and fills in `how` and `why_not`. In a process
 * of its own, like a case: it may crash. */
void run_probe(struct report_backend *backend, const struct run_options *options);

/* Runs what is selected, and fills in the results. */
void run_processes(struct report *report, const struct run_options *options);
void run_in_process(struct report *report, const struct run_options *options);

/* What the processes do that the above start; their exit status. Of `how`, the cases and the
 * listener are ours. */
int run_probe_here(const struct rouse_evq_ops *backend);
int run_case_here(const struct suite_case *which, const struct suite_run *how, int timeout_s);

/* Whether a name is as the pattern says, in which * is anything and ? any one character. */
bool run_matches(const char *pattern, const char *name);

#endif /* ROUSE_CONFORMANCE_RUN_H */
