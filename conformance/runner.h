/*
 * runner.h -- the other face of the suite: running cases, and hearing what they found.
 */
#ifndef ROUSE_CONFORMANCE_RUNNER_H
#define ROUSE_CONFORMANCE_RUNNER_H

#include <rouse/evq.h>

#include "suite.h"

/* Every list of cases that cases.def names, in order, with a NULL at the end. */
extern const struct suite_case *const *const suite_lists[];

/* What a case has to say. */
enum suite_news {
    SUITE_BEGAN,
    SUITE_FAILED,      /* an assertion: `id`, `text`, `file`, `line` */
    SUITE_ERROR,       /* the machine, or the case itself, is at fault: `text` */
    SUITE_UNSUPPORTED, /* `text` names the capability */
    SUITE_NOT_RUN,     /* `text` says why */
    SUITE_NOTE,        /* `text` */
    SUITE_LEFT,        /* it was left before its end */
    SUITE_ENDED
};

/* Who hears it. One call at a time, on whichever thread asserts. */
struct suite_listener {
    void (*hear)(struct suite_listener *self, const struct suite_case *which, enum suite_news news,
                 enum guarantee id, const char *text, const char *file, int line);
};

/* Runs cases, one after the other, in this process, as tests of a CUnit registry: one
 * CUnit suite for each file. With `summary` CUnit's own is printed at the end. */
struct suite_run {
    const struct suite_case *const *cases;
    int count;
    const struct rouse_evq_ops *backend;
    const char *program; /* our own */
    const char *plugin;  /* or NULL */
    int copy;            /* be this one of the copies that the case asks for; or 0 */
    bool check;          /* wrap queues in rouse_evq_check() */
    bool summary;        /* print CUnit's */
    struct suite_listener *listener;
};

/* 0, or -ENOMEM. */
int suite_run(const struct suite_run *run);

/* Whether `which` is tagged with `id`. */
bool suite_tagged(const struct suite_case *which, enum guarantee id);

/* The name of one of enum suite_needs, as reports show it. */
const char *suite_need_name(unsigned need);

/* For the world, whose assertions need no tag. */
bool suite_check_by_world(enum guarantee id, bool holds, const char *condition, const char *file,
                          int line, const char *message, ...) SUITE_PRINTF(6, 7);

/* For a watchdog: says that `id` failed, and ends the process. */
void suite_fail_and_exit(enum guarantee id, const char *text, const char *file, int line);

/* For assertions of the world that a wait() stands on. */
#define WORLD_CHECK(id, holds, ...)                                                                \
    suite_check_by_world(GUARANTEE_##id, (holds), #holds, __FILE__, __LINE__, __VA_ARGS__)

#endif /* ROUSE_CONFORMANCE_RUNNER_H */
