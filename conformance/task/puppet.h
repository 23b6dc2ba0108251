/*
 * puppet.h -- a task that does as its case says, and an executor for it to play on.
 *
 * A puppet keeps account of what is done to it: how often, on which thread, and whether
 * anything is done that never may be. puppets_check() turns that into assertions, so that
 * a case about one promise of tasks can watch over the others as well.
 */
#ifndef ROUSE_CONFORMANCE_TASK_PUPPET_H
#define ROUSE_CONFORMANCE_TASK_PUPPET_H

#include <rouse/task.h>

#include "../../src/base/atomic.h"
#include "../world.h"

/* What never may be. */
enum puppet_fault {
    PUPPET_REENTERED = 1 << 0,      /* T1: polled inside its poll or drop, or on two threads */
    PUPPET_POLLED_LATE = 1 << 1,    /* T3: polled after its end */
    PUPPET_ELSEWHERE = 1 << 2,      /* T4: polled or dropped on a foreign thread */
    PUPPET_DROPPED_LATE = 1 << 3,   /* T3: dropped after its end */
    PUPPET_RELEASED_EARLY = 1 << 4, /* T5: released before its end */
};

struct puppet;
typedef enum rouse_poll puppet_act(struct puppet *self, struct rouse_context *cx);

/* A future and its task. Full of zeroes but for what puppet_make() sets. */
struct puppet {
    struct rouse_future future;
    struct rouse_task task;
    puppet_act *act;                         /* what its poll does */
    void (*at_drop)(struct puppet *self);    /* what else its drop() does, or NULL */
    void (*at_release)(struct puppet *self); /* and its release() */
    void *with;                              /* the case's own, as is `number` */
    int number;
    intptr_t value;                   /* its result, if it finishes */
    struct rouse_waker waker;         /* kept by puppet_wait() until it ends */
    uintptr_t polls, drops, releases; /* atomic: how often */
    uintptr_t faults;                 /* atomic: of enum puppet_fault */
    uintptr_t inside;                 /* atomic: it is being polled or dropped */
    const void *home;                 /* the thread where that should be */
    const void *released_on;
    bool over; /* it was READY, or dropped */
};

/* What a puppet can do in its poll. */
puppet_act puppet_wait;   /* keeps the waker, and is PENDING */
puppet_act puppet_finish; /* is READY, with `value` */
puppet_act puppet_yield;
puppet_act puppet_wake_itself; /* by reference */

/* Makes it anew, with this thread as its home. */
void puppet_make(struct puppet *puppet, puppet_act *act);

/* Makes a puppet that is over ready to be spawned once more; its account goes on. */
void puppet_again(struct puppet *puppet);
void puppet_spawn(struct rouse_executor *executor, struct puppet *puppet);
void puppet_spawn_held(struct rouse_executor *executor, struct puppet *puppet);

/* A clone of the waker that it keeps. */
struct rouse_waker puppet_clone(const struct puppet *puppet);

/* `count` of them, each made, with its number. free() them. */
struct puppet *puppets_make(int count, puppet_act *act);

/* Checks that `count` puppets, which have ended and were let go of by everybody, suffered
 * nothing that never may be: T1, T3, T4, and T5. */
void puppets_check(const struct puppet *puppets, int count);

/* An executor without a queue. Its nudge counts. */
struct stage {
    struct world *world;
    struct rouse_executor executor;
    struct wakes *nudge;
};

void stage_open(struct stage *stage, struct world *world);

/* Within WORLD_SOON, or T10 is broken, whatever the case is about. */
void stage_close(struct stage *stage);

/* Runs what is ready, and what that makes ready, until nothing is. Returns how many turns
 * were taken; one that never ends stops after a million. */
size_t stage_run(struct stage *stage);

/* Runs until `done(with)`, and in between only after a nudge, as a thread would that
 * sleeps. False when that took longer than WORLD_SOON of real time. */
bool stage_run_until(struct stage *stage, bool (*done)(void *with), void *with);

/* Whether the puppet `with` is over, or has been released. */
bool puppet_is_over(void *with);
bool puppet_is_released(void *with);

/* For `then` of wakes that another thread waits for. */
void wakes_ring(void *with);

/* Words by which threads hand over to each other. word_set() and word_add() tell whoever
 * sleeps in await_word() until a word has reached a value; false when that took longer than
 * WORLD_SOON of real time. */
void word_set(uintptr_t *word, uintptr_t value);
void word_add(uintptr_t *word);
bool await_word(const uintptr_t *word, uintptr_t value);

/* Whatever comes before the stop has WORLD_SOON of real time, or the case fails by `id` and
 * its process ends. */
struct limit;
#define LIMIT(id, what) limit_start(GUARANTEE_##id, what, __FILE__, __LINE__)
struct limit *limit_start(enum guarantee id, const char *what, const char *file, int line);
void limit_stop(struct limit *limit);

/* rouse_run() with that limit. */
#define RUN(id, rt, future) run_within(GUARANTEE_##id, (rt), (future), __FILE__, __LINE__)
intptr_t run_within(enum guarantee id, struct rouse *rt, struct rouse_future *future,
                    const char *file, int line);

/* Clones a waker into an empty slot. */
static inline struct rouse_waker waker_clone(const struct rouse_waker *waker)
{
    struct rouse_waker clone = {NULL, NULL};

    rouse_waker_keep(&clone, waker);
    return clone;
}

#endif /* ROUSE_CONFORMANCE_TASK_PUPPET_H */
