/*
 * report.h -- what a run found, and how it is told: as a table, JSON, JUnit's XML, a page.
 */
#ifndef ROUSE_CONFORMANCE_REPORT_H
#define ROUSE_CONFORMANCE_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "deviations.h"
#include "kills.h"
#include "runner.h"

/* The worst first, as a cell of the matrix shows the worst of its cases. */
enum status {
    STATUS_FAIL,    /* an assertion about it failed */
    STATUS_ERROR,   /* a crash, too long, no last word, or the machine's fault */
    STATUS_XPASS,   /* it passed, where the caller said that it would fail */
    STATUS_NOT_RUN, /* left by another failure, a build or a backend that cannot */
    STATUS_XFAIL,   /* it failed, as the caller said */
    STATUS_PASS,
    STATUS_UNSUPPORTED, /* a capability is missing, which the message names */
    STATUS_UNTESTED     /* there is no case; of guarantees only */
};
enum { STATUS_COUNT = STATUS_UNTESTED + 1 };

const char *status_name(enum status status);

/* An assertion that failed. */
struct failure {
    enum guarantee id;
    char *text;
    char *file; /* or NULL, for what the wrapper of the queue says */
    int line;
    struct failure *next; /* in the order in which they failed */
};

/* One case on one backend. */
struct result {
    enum status status;
    bool selected;
    bool stopped; /* it did not come to its end */
    struct failure *failures;
    char *message; /* of an error, of what is unsupported, of why it was not run; or NULL */
    char *output;  /* what it printed, when that helps; or NULL */
    int64_t duration_ns;
};

struct report_backend {
    const char *name;                /* of its column */
    const char *backend;             /* as the program that runs it knows it */
    const struct rouse_evq_ops *ops; /* or NULL, when a guest runs it */
    const char *const *guest;        /* the words that start it, or NULL; ends in NULL */
    char *version, *system;
    const char *how;
    char *why_not; /* it was not run; NULL if it was */
    bool required; /* by --require */
};

struct report {
    struct report_backend *backends;
    int backend_count;
    const struct suite_case *const *cases;
    int case_count;
    struct result *results; /* of backend b and case c at [b * case_count + c] */
    bool complete;          /* no --case left anything out */
    const char *program;
    const char *command; /* the arguments */
    const char *plugin;  /* or NULL */
    struct kills kills;  /* of mutants; an empty list where nobody says */
    const char *system;
    char date[32];
    int64_t duration_ns;
};

struct result *report_result(const struct report *report, int backend, int which);

void result_fail(struct result *result, enum guarantee id, const char *text, const char *file,
                 int line);

/* Gives back what a result holds. */
void result_free(struct result *result);

/* Sets a text of a result, and gives the old one back. */
void result_text(char **text, const char *value);

/* How a result counts for one guarantee: a failure only for those that it names. */
enum status result_for(const struct result *result, enum guarantee id);

/* A guarantee on one backend. */
struct cell {
    enum status status;
    int count[STATUS_COUNT]; /* its cases, by how they count for it */
    int cases;
    int aside; /* of those not run, those that this build has no use for */
};

struct cell report_cell(const struct report *report, int backend, enum guarantee id);

/* Whether a case is tagged with `id`, or failed by it. */
bool report_concerns(const struct report *report, int backend, int which, enum guarantee id);

/* What is known to be otherwise where a backend runs, for a case that was selected; or NULL. */
const struct deviation *report_deviation(const struct report *report, int backend, int which);

struct totals {
    int cases[STATUS_COUNT];
    int selected;
    int held, concerned; /* guarantees that held, of those with a case that was selected */
    int unsupported;     /* guarantees of which nothing could be tested */
    int untested;        /* without a case */
};

struct totals report_totals(const struct report *report, int backend);

/* Whether everything held that must: the exit status. */
bool report_good(const struct report *report);

void report_text(const struct report *report, FILE *to, bool colour);
void report_json(const struct report *report, FILE *to);
void report_junit(const struct report *report, FILE *to);
void report_html(const struct report *report, FILE *to);

/* Text as HTML and XML want it, whatever bytes a case printed. */
void report_markup(const char *text, FILE *to);

/* Cases and guarantees, without results. */
void report_list_json(const struct suite_case *const *cases, int count, FILE *to);

/* "evq/e1_one_shot.c", for a file of a case. */
const char *report_file(const char *file);

void report_free(struct report *report);

#endif /* ROUSE_CONFORMANCE_REPORT_H */
