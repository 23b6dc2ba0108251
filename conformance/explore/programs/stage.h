/*
 * stage.h -- what programs play on: a runtime on a queue of their choice, and actors, tasks
 * that do as their program says and keep account of what is done to them.
 */
#ifndef ROUSE_EXPLORE_STAGE_H
#define ROUSE_EXPLORE_STAGE_H

#include <rouse/rouse.h>

#include "../../../src/base/selfpipe.h"
#include "../../../src/evq/backends.h"
#include "../explore.h"

/* What became of an actor; outlives it. */
struct account {
    unsigned polls, drops, releases;
    bool over; /* it was READY, or dropped */
};

struct actor;
typedef enum rouse_poll actor_act(struct actor *self, struct rouse_context *cx);

struct actor {
    struct rouse_future future;
    struct rouse_task task;
    actor_act *act; /* what its poll does */
    struct account *account;
    const void *home;          /* the thread that may poll and drop it */
    struct rouse_waker waker;  /* that it hands over, to whoever finds `handed` set */
    struct rouse_waker second; /* and another one */
    uintptr_t handed;          /* atomic */
    uintptr_t said;            /* atomic: what others have to tell it */
    int letter;                /* the same, but plain: whoever reads it must have been woken */
};

/* In explore_memory(), as all that follows. */
struct actor *actor_make(actor_act *act);

/* Hands over a clone of its waker, or two; once. */
void actor_hand_over(struct actor *actor, struct rouse_context *cx, unsigned wakers);

/* Gives its memory back, so that nobody may touch it from here on. */
void actor_release(struct rouse_task *task);

/* Over, and released exactly once (T5). */
void actor_check_end(const struct account *account);

struct stage {
    struct rouse rt;
    struct rouse_evq *evq;
    struct account *watched; /* stage_run() ends when it is over */
};

/* The stage of this run, on the first thread. */
extern struct stage *stage;

void stage_open(const struct rouse_evq_ops *ops);

/* Polls and sleeps, as rouse_run() does, until an account says over, or has `polls`. */
void stage_run_until_over(const struct account *account);
void stage_run_until_polled(const struct account *account, unsigned polls);

/* Closes it, and gives back all memory of it. */
void stage_close(void);

void actor_spawn(struct actor *actor);

#endif /* ROUSE_EXPLORE_STAGE_H */
