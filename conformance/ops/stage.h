/*
 * stage.h -- where a program is played: an executor alone, or a runtime on any backend.
 *
 * Programs count in milliseconds and are played thousands of times a second, so on a
 * backend with a real kernel the sockets are real and the clock is not: a queue between
 * the runtime and the backend has a clock of its own, which moves when the script says so.
 * The same queue makes a batch small, or brings it into one order, where that is asked for.
 */
#ifndef ROUSE_CONFORMANCE_OPS_STAGE_H
#define ROUSE_CONFORMANCE_OPS_STAGE_H

#include <rouse/rouse.h>

#include "program.h"

struct stage {
    struct rouse rt;
    struct rouse_executor alone; /* where there is no runtime */
    struct rouse_executor *executor;
    struct rouse_reactor *reactor; /* or NULL */
    struct rouse_inspector *inspector;
    struct rouse_evq base; /* the queue in between */
    struct rouse_evq_ops ops;
    struct rouse_evq *inner;
    bool simulated; /* it has a clock that we can move */
    bool in_order;  /* reports are collected, and come by source */
    bool woken;     /* by a wake() that no wait() has ended for yet */
    int batch;
    rouse_time now;
    int nudges;
    unsigned reports; /* so far */
};

/* How a program is played. */
struct stage_options {
    const struct rouse_evq_ops *backend; /* NULL: an executor alone */
    bool in_order; /* a batch brings all there is, in the order of the sources' addresses */
};

/* 0, or why the queue cannot be opened. */
int stage_open(struct stage *stage, const struct stage_options *options,
               const struct program *program);
void stage_close(struct stage *stage);

/* One turn, which waits for so long if nothing happens. Returns how many polls that were,
 * or -errno. */
intptr_t stage_turn(struct stage *stage, rouse_time duration);

rouse_time stage_now(struct stage *stage);
void stage_advance(struct stage *stage, rouse_time duration);

/* When there is something to do: 0 for now. */
rouse_time stage_deadline(struct stage *stage);

/* Sockets behind the runtime's back, which no fault befalls. */
const struct rouse_sockets *stage_sockets(struct stage *stage);

/* What a descriptor is ready for, asked of poll(2) or of the simulation. */
unsigned stage_ready(struct stage *stage, rouse_fd fd);

/* From now on nothing goes wrong any more. */
void stage_mend(struct stage *stage);

#endif /* ROUSE_CONFORMANCE_OPS_STAGE_H */
