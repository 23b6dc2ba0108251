/*
 * options.h -- what rouse-conform is asked to do.
 */
#ifndef ROUSE_CONFORMANCE_OPTIONS_H
#define ROUSE_CONFORMANCE_OPTIONS_H

#include <stdbool.h>

enum { OPTIONS_NAMES_MAX = 64 }; /* of one kind */

/* How the program ends. */
enum { GOOD = 0, BAD = 1, CANNOT = 2 };

struct options {
    const char *backends[OPTIONS_NAMES_MAX + 1];
    const char *required[OPTIONS_NAMES_MAX + 1];
    const char *cases[OPTIONS_NAMES_MAX + 1];
    const char *xfail[OPTIONS_NAMES_MAX + 1];
    const char *tags[OPTIONS_NAMES_MAX + 1];
    const char *guests[OPTIONS_NAMES_MAX + 1];
    const char *json, *junit, *html;
    const char *kills; /* what ci/mutants found, for the page */
    const char *plugin;
    const char *trace;    /* the scenario to write down */
    const char *run_case; /* we are a process that runs this one */
    const char *probe;    /* we are a process that opens a backend */
    int copy;             /* of the processes that it asks for, be this one; or 0 */
    bool keep;            /* we are a guest's keeper */
    bool list, guarantees, version, help;
    bool in_process, no_check;
    int jobs, timeout_s;
    int stop_after; /* so many failures; 0: never */
};

extern const char options_usage[];

/* GOOD, or CANNOT after one line that says why. */
int options_parse(struct options *options, int argc, char **argv);

/* One line on stderr: what cannot be done, with which (or NULL), and why (or NULL). Returns
 * CANNOT. */
int cannot(const char *what, const char *which, const char *why);

#endif /* ROUSE_CONFORMANCE_OPTIONS_H */
