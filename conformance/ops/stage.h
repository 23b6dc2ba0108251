/*
 * stage.h -- where a program is played: an executor alone, or a runtime on any backend.
 *
 * Programs count in milliseconds and are played thousands of times a second, so on a
 * backend with a real kernel the sockets are real and the clock is not: a queue between
 * the runtime and the backend has a clock of its own, which moves when the script says so.
 * The same queue makes a batch small, or brings it into one order, where that is asked for.
 *
 * Or a program is played in a world that is somebody else's, with its runtime, real time, and
 * connections over TCP, which take their time. That world is told what happens.
 */
#ifndef ROUSE_CONFORMANCE_OPS_STAGE_H
#define ROUSE_CONFORMANCE_OPS_STAGE_H

#include <rouse/rouse.h>

#include "program.h"

/* Somebody else's world. Each function gets the first argument that it belongs to. */
struct stage_world {
    struct rouse *rt;      /* open */
    struct rouse_evq *evq; /* its queue */
    bool simulated;

    /* Two ends of a connection, for the runtime to close; and a listener. */
    void (*pair)(struct stage_world *world, int pair, rouse_fd fds[2]);
    void (*listens)(struct stage_world *world, int listener, rouse_fd fd);
    /* Something was sent: waits until it has arrived at `fd`. */
    void (*sent)(struct stage_world *world, rouse_fd fd);
    /* Until nothing more goes in, or comes out. How many bytes. */
    size_t (*fill)(struct stage_world *world, rouse_fd fd);
    size_t (*drain)(struct stage_world *world, rouse_fd fd);
    /* Runs until nothing happens any more, and looks where everything stands. */
    void (*rest)(struct stage_world *world);

    /* What happens: the script says something; a task is woken, was polled (and did so many
     * statements, and waits in which), got a result, and ended. */
    void (*says)(struct stage_world *world, const char *statement);
    void (*woken)(struct stage_world *world, int task);
    void (*polled)(struct stage_world *world, int task, enum rouse_poll poll, int statements,
                   int at, const char *statement);
    void (*result)(struct stage_world *world, int task, const char *of, intptr_t result);
    void (*ended)(struct stage_world *world, int task, intptr_t result);
};

struct stage {
    struct rouse own;
    struct rouse *rt;            /* that, or the world's */
    struct stage_world *world;   /* or NULL */
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
    struct stage_world *world; /* not NULL: there, and the rest is of no account */
};

/* 0, or why the queue cannot be opened. */
int stage_begin(struct stage *stage, const struct stage_options *options,
                const struct program *program);

/* Closes it. How many descriptors are open still, where that is known: in a simulation of
 * its own. */
int stage_end(struct stage *stage);

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
