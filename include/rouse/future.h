/*
 * rouse/future.h -- futures, wakers, and the context that joins them.
 *
 * A future is a struct that can be polled until it is ready. It starts with a
 * `struct rouse_future` and keeps its inputs, its progress and its output in the
 * fields that follow, so a tree of futures is one struct of known size and needs
 * no allocation.
 *
 * The contract. Conformance cases cite these numbers.
 *
 *   F1  A value first. Until it is handed over by pointer a future is plain
 *                      bytes: return it, copy it, or lose it. Making one acquires
 *                      nothing.
 *   F2  Then pinned.   From then until READY or drop() it stays where it is. Debug
 *                      builds catch a move.
 *   F3  The promise.   A future that returns PENDING has arranged for its waker
 *                      to be woken. It has kept a clone, or woken it already.
 *   F4  The last one.  Only the waker of the most recent poll is owed a wake.
 *   F5  READY ends it. It has let go of everything but its output: `result`, which
 *                      is 0 or a count or -errno, and named fields. It is not
 *                      polled again.
 *   F6  drop() stops.  It abandons the future wherever it stands, before its first
 *                      poll too. It polls nothing, does not wake its own waker, and
 *                      waits for nothing but the kernel giving back what it was
 *                      lent. After READY it does nothing.
 *   F7  Owners drop.   Whoever is handed a future by pointer polls it to READY or
 *                      drops it, once. ROUSE_AWAIT, tasks and combinators do this.
 *
 *   W1  A wake after the last poll began leads to one more poll. Wakes before that
 *       poll merge. W2  A wake inside the task's own poll counts. W3  A wake on a
 *       finished task does nothing, safely. W4  Wakers may be cloned, woken and
 *       released on any thread, and outlive the task and the runtime. W5  What
 *       happened before wake() is visible to the poll that it causes. W6  Wakers
 *       are called and released with no lock held.
 */
#ifndef ROUSE_FUTURE_H
#define ROUSE_FUTURE_H

#include <rouse/base.h>

ROUSE_BEGIN_DECLS

/* What a poll says: not yet, or done. */
enum rouse_poll { ROUSE_PENDING, ROUSE_READY };

/*
 * A waker is a counted reference to something that can be made to run again,
 * usually a task. It is two words, stored by value. A waker full of zeroes is
 * empty, and every function below accepts it.
 */
struct rouse_waker_ops {
    void (*retain)(void *data);      /* one more reference */
    void (*wake)(void *data);        /* make it run, and give the reference back */
    void (*wake_by_ref)(void *data); /* make it run, and keep the reference */
    void (*release)(void *data);     /* just give the reference back */
};

/* One such reference. */
struct rouse_waker {
    const struct rouse_waker_ops *ops;
    void *data;
};

/* What a future may use while it is being polled, and not afterwards. */
struct rouse_context {
    const struct rouse_waker *waker; /* borrowed; keep it with rouse_waker_keep() */
    unsigned *budget;                /* steps left, see rouse_budget_spend() */
    bool yield; /* set it and return PENDING to run again, after the others; whoever
                   polls clears it, and passes it on if it returns PENDING itself */
};

struct rouse_future {
    const struct rouse_future_ops *ops;
    intptr_t result; /* once READY: 0 or a count, or -errno. Before: ours, it tells a move */
};

struct rouse_future_ops {
    enum rouse_poll (*poll)(struct rouse_future *self, struct rouse_context *cx);
    void (*drop)(struct rouse_future *self); /* NULL if there is nothing to undo */
    const char *name;                        /* for dumps and traces */
};

/* What a future's ops become when it is READY or was dropped: polling it is
 * misuse (F5), dropping it does nothing (F6). */
ROUSE_API extern const struct rouse_future_ops rouse_future_finished;

/* A waker that wakes nobody, for a future that is polled by hand. */
ROUSE_API extern const struct rouse_waker rouse_waker_none;

/* Empties a waker, giving its reference back. */
static inline void rouse_waker_drop(struct rouse_waker *waker)
{
    struct rouse_waker taken;

    if (waker->ops == NULL)
        return;
    taken = *waker;
    waker->ops = NULL;
    waker->data = NULL;
    taken.ops->release(taken.data);
}

/* Empties a waker by waking it. The slot is cleared first, because waking may run
 * code that fills it again. */
static inline void rouse_wake(struct rouse_waker *waker)
{
    struct rouse_waker taken;

    if (waker->ops == NULL)
        return;
    taken = *waker;
    waker->ops = NULL;
    waker->data = NULL;
    taken.ops->wake(taken.data);
}

/* Wakes and keeps the reference. */
static inline void rouse_wake_by_ref(const struct rouse_waker *waker)
{
    if (waker->ops != NULL)
        waker->ops->wake_by_ref(waker->data);
}

/* Puts a clone of `waker` in the place of another one. */
ROUSE_API void rouse_waker_replace_(struct rouse_waker *slot, const struct rouse_waker *waker);

/* Keeps a clone of `waker` in `slot`. Costs nothing when it is already there, because
 * the same task polls again, and little when the slot is empty, because a wake took
 * what was there: these are the common cases. */
static inline void rouse_waker_keep(struct rouse_waker *slot, const struct rouse_waker *waker)
{
    if (slot->ops == NULL) {
        *slot = *waker;
        if (waker->ops != NULL)
            waker->ops->retain(waker->data);
    } else if (slot->ops != waker->ops || slot->data != waker->data) {
        rouse_waker_replace_(slot, waker);
    }
}

/* A step that could be repeated for ever takes one unit. False when there is none
 * left: return PENDING then, the context already asks for another turn. A context
 * without a budget never runs out. */
static inline bool rouse_budget_spend(struct rouse_context *cx)
{
    if (cx->budget == NULL)
        return true;
    if (*cx->budget == 0) {
        cx->yield = true;
        return false;
    }
    --*cx->budget;
    return true;
}

/* Remembers where a future was first polled, in `result`, and that it stays there (F2). */
static inline void rouse_future_pin_(struct rouse_future *future)
{
    if (future->ops == &rouse_future_finished)
        return;
    if (future->result != 0 && future->result != (intptr_t) future)
        rouse_misuse("F2: moved after its first poll", future->ops->name);
    future->result = (intptr_t) future;
}

#ifdef NDEBUG
#define ROUSE_FUTURE_PIN_(future) ((void) 0)
#else
#define ROUSE_FUTURE_PIN_(future) rouse_future_pin_(future)
#endif

/* Polls. A future that is READY has become `rouse_future_finished`. */
static inline enum rouse_poll rouse_future_poll(struct rouse_future *future,
                                                struct rouse_context *cx)
{
    ROUSE_FUTURE_PIN_(future);
    if (future->ops->poll(future, cx) == ROUSE_PENDING)
        return ROUSE_PENDING;
    future->ops = &rouse_future_finished;
    return ROUSE_READY;
}

/* Drops. A future that was never started (all zeroes) is dropped by doing nothing. */
static inline void rouse_future_drop(struct rouse_future *future)
{
    if (future->ops != NULL && future->ops->drop != NULL)
        future->ops->drop(future);
    future->ops = &rouse_future_finished;
}

/* How a poll function ends: `return rouse_ready(self, result)`. */
static inline enum rouse_poll rouse_ready(struct rouse_future *future, intptr_t result)
{
    future->result = result;
    return ROUSE_READY;
}

/* Runs the others first: PENDING once, then READY with 0. */
struct rouse_yield {
    struct rouse_future future;
    bool yielded;
};
ROUSE_API struct rouse_yield rouse_yield(void);

/* Polls on this thread until `future` is READY, sleeping in between, and returns
 * its result. For a plain thread without a runtime; the future's wakes come from
 * other threads. Allocates from `alloc` (NULL for malloc): -ENOMEM, -EMFILE or
 * -ENFILE, with the future dropped, when that fails. */
ROUSE_API intptr_t rouse_wait(struct rouse_future *future, const struct rouse_alloc *alloc);

ROUSE_END_DECLS

#endif /* ROUSE_FUTURE_H */
