/*
 * rouse/task.h -- tasks, and the executor that runs them.
 *
 * A task is a future that somebody runs. Its storage belongs to the caller, who
 * usually embeds it next to the future in one struct; the executor borrows that
 * storage in rouse_spawn() and gives it back, once, by calling release().
 *
 * An executor belongs to one thread, which polls all of its tasks. Wakers may be
 * used from any thread. There is no work stealing: to use more cores, run one
 * executor on each.
 *
 *   T1  A task is never polled by two threads, nor re-entered.
 *   T2  A spawned task is polled without anybody waking it, and not before
 *       rouse_spawn() returns.
 *   T3  A finished or cancelled task is never polled again; late wakes are harmless.
 *   T4  The future is polled, and dropped, only on the executor's thread.
 *   T5  release() is called exactly once, after the future is finished or dropped
 *       and the last waker and hold are gone, on whichever thread that was.
 *   T6  Ready tasks run in the order they were woken. Between threads, the order
 *       is that in which their wakes reached the executor.
 *   T7  A task that nobody woke is not polled.
 *   T8  A task that always wakes itself starves neither other tasks nor, in a
 *       runtime, I/O and timers.
 *   T9  Cancelling drops the future at the task's next turn. Whoever joins gets
 *       the task's own result if it finished first, -ECANCELED if not.
 *   T10 Closing an executor drops every live future and waits for no other thread
 *       but one that is inside a wake() at that moment.
 */
#ifndef ROUSE_TASK_H
#define ROUSE_TASK_H

#include <rouse/future.h>

ROUSE_BEGIN_DECLS

/* Fields are for src/task/ only; they are here so that you can embed one. Needs no
 * preparation: rouse_spawn() fills it in. */
struct rouse_task {
    uintptr_t state; /* atomic: flags and references, see src/task/state.h */
    struct rouse_future *future;
    struct rouse_executor *executor;
    void (*release)(struct rouse_task *task);
    struct rouse_task *ready_next; /* in the inbox or the ready list */
    struct rouse_task *live_next;  /* in the list of live tasks */
    struct rouse_task **live_link; /* what points at us in that list */
    struct rouse_waker joiner;     /* whoever awaits rouse_join() */
    intptr_t result;               /* once it has ended */
};

/* One place to listen at: what happens to tasks, for traces and debuggers. Every
 * function may be NULL. They must not wake, spawn or cancel. */
struct rouse_inspector {
    size_t size; /* of this struct */
    /* The task will run: it was spawned, woken, yielded or cancelled. Any thread. */
    void (*woken)(struct rouse_inspector *self, struct rouse_task *task);
    /* It was polled. The future may be looked at. */
    void (*polled)(struct rouse_inspector *self, struct rouse_task *task, enum rouse_poll poll);
    /* It ended; `result` is that of its future, or -ECANCELED. */
    void (*ended)(struct rouse_inspector *self, struct rouse_task *task, intptr_t result);
};

struct rouse_executor {
    struct rouse_context context; /* of whoever is being polled, as are the next two */
    struct rouse_waker waker;
    unsigned budget;
    uintptr_t inbox;          /* atomic: tasks woken elsewhere, newest first */
    uintptr_t visitors;       /* atomic: other threads that are inside a wake() */
    const void *thread;       /* whose executor this is */
    struct rouse_task *ready; /* oldest first */
    struct rouse_task **ready_tail;
    struct rouse_task *live; /* spawned and not yet ended, newest first */
    size_t owed; /* tasks that ended while queued, and are still in a list or on their way */
    struct rouse_waker nudge;          /* gets our thread out of its wait */
    struct rouse_inspector *inspector; /* or NULL */
    bool running; /* inside rouse_executor_run() or _close(), where rules are checked */
};

/* Prepares an executor for the calling thread. It keeps a clone of `nudge` and wakes
 * it whenever another thread makes a task ready; the reactor provides one that ends
 * its wait(). An executor stays where it is until it is closed. */
ROUSE_API void rouse_executor_init(struct rouse_executor *executor,
                                   const struct rouse_waker *nudge);

/* Drops the future of every live task, those that their FINALLYs spawn included,
 * and returns when all have ended (T10). Memory that wakers or holds still keep is
 * released later, by whoever is last. */
ROUSE_API void rouse_executor_close(struct rouse_executor *executor);

/* Polls ready tasks, at most `limit` times, and returns how often it did. Less than
 * `limit` means that nothing is ready and the thread may wait. Not re-entrant. */
ROUSE_API size_t rouse_executor_run(struct rouse_executor *executor, size_t limit);

/* Whether no task could run now. */
ROUSE_API bool rouse_executor_idle(struct rouse_executor *executor);

/* Lends `task` and `future` to the executor and makes the task ready (T2). Cannot
 * fail and allocates nothing. `release` may be NULL. On any thread, as long as the
 * executor is open; `future` then moves to the executor's thread (T4). Spawning a
 * live task again is misuse, which debug builds catch on the executor's thread. */
ROUSE_API void rouse_spawn(struct rouse_executor *executor, struct rouse_task *task,
                           struct rouse_future *future, void (*release)(struct rouse_task *task));

/* Keeps the task's memory until the same number of rouse_task_unhold(), beyond its
 * end, for whoever wants to cancel or join it later. Any thread, as
 * long as the task cannot end meanwhile: it is held already, or the executor's own
 * thread asks. */
ROUSE_API void rouse_task_hold(struct rouse_task *task);
ROUSE_API void rouse_task_unhold(struct rouse_task *task);

/* Spawns and holds in one step, for a thread that is not the executor's: there the
 * task could have ended before rouse_task_hold(). */
ROUSE_API void rouse_spawn_held(struct rouse_executor *executor, struct rouse_task *task,
                                struct rouse_future *future,
                                void (*release)(struct rouse_task *task));

/* Asks for the task's future to be dropped at its next turn, instead of polled (T9).
 * From any thread that holds the task, and from its own poll. */
ROUSE_API void rouse_cancel(struct rouse_task *task);

/* Whether the task has ended. For whoever holds it. */
ROUSE_API bool rouse_task_ended(const struct rouse_task *task);

/* A future that is READY once the task has ended (T9). Whoever joins holds the
 * task, from before it could end until the join is over. A task has one joiner at
 * a time, which may be on another thread. */
struct rouse_join {
    struct rouse_future future;
    struct rouse_task *task;
    struct rouse_waker kept; /* what we left with the task, if we did */
    bool registered;
};
ROUSE_API struct rouse_join rouse_join(struct rouse_task *task);

/* Writes one line for each live task, oldest first: its name, what it is doing, and
 * the chain of what it awaits with the line of each await:
 *
 *     client: waiting at client:27 > read
 *
 * `write` gets a line with its end. On the executor's thread. */
ROUSE_API void rouse_executor_dump(struct rouse_executor *executor,
                                   void (*write)(void *to, const char *line), void *to);

/* Defines a release() for tasks that malloc() made: it frees the `type` whose
 * `member` is the task. The file includes <stdlib.h>. */
#define ROUSE_TASK_FREE(name, type, member)                                                        \
    static void name(struct rouse_task *task)                                                      \
    {                                                                                              \
        free(rouse_container_of(task, type, member));                                              \
    }

ROUSE_END_DECLS

#endif /* ROUSE_TASK_H */
