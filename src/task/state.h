/*
 * state.h -- the state of a task: one atomic word, documented bit by bit.
 *
 * After async-task's and tokio's words, and smaller than both: since one thread alone
 * polls, there is no bit for "running". A task that is woken during its own poll is
 * simply in the ready list again, and the poll that follows comes later on the same
 * thread.
 *
 *   QUEUED     The task is in the ready list or the inbox, or a thread that has just set
 *              this bit is on its way to put it there. Set by any thread that wakes or
 *              cancels; who finds it clear puts the task in the list. Cleared by the
 *              executor when it takes the task out to poll it, before the poll, so that
 *              a wake from then on counts (W1, W2). Set for good together with ENDED:
 *              from then on every wake finds it set and does nothing (W3).
 *   ENDED      The future is finished or dropped, and `result` says how. Set once, by
 *              the executor.
 *   CANCELED   The next turn drops the future instead of polling it. Set by any thread,
 *              together with QUEUED; never cleared.
 *   JOINER     `joiner` holds a waker, and belongs to the executor, which takes it if it
 *              finds this bit when it sets ENDED. While the bit is clear, `joiner`
 *              belongs to the one rouse_join. Set and cleared by that one alone.
 *   ARRIVING   Spawned on another thread, and not in the list of live tasks yet. Set
 *              before the task is shared; cleared by the executor.
 *   REFERENCE  One unit of the count that fills the rest of the word. Counted are: the
 *              executor, from the spawn until the task has ended and is in no list;
 *              every waker; every hold. Who takes the count to zero calls release().
 *
 *   event        QUEUED clear               QUEUED set                ENDED
 *   wake         set QUEUED, put in list    nothing, but the same     nothing
 *                                           read-modify-write, which
 *                                           publishes (W5)
 *   cancel       set both, put in list      set CANCELED              nothing
 *   taken out    -                          clear QUEUED, then poll;  the executor's
 *                                           drop if CANCELED          reference goes
 *   READY        set ENDED and QUEUED;      set ENDED; it goes when   -
 *                reference goes             it is taken out
 *
 * A word with no reference but the executor's is TASK_ALONE, and then the executor skips
 * all this: it stores, and a task that ends alone is released without ever being marked,
 * since nobody is left who could look. docs/decisions/0007 has the reasons.
 */
#ifndef ROUSE_TASK_STATE_H
#define ROUSE_TASK_STATE_H

#include "../base/atomic.h"
#include "../base/thread.h"

#include <rouse/task.h>

enum {
    TASK_QUEUED = 1 << 0,
    TASK_ENDED = 1 << 1,
    TASK_CANCELED = 1 << 2,
    TASK_JOINER = 1 << 3,
    TASK_ARRIVING = 1 << 4,
    TASK_REFERENCE = 1 << 5,

    /* A live task with no reference but the executor's: no waker, no hold. No other thread
     * can touch such a word, so the executor need not lock it. An acquiring load that
     * finds it takes what those who had a reference wrote before they gave it back. */
    TASK_ALONE = TASK_REFERENCE,
    TASK_ALONE_QUEUED = TASK_REFERENCE | TASK_QUEUED
};

extern const struct rouse_waker_ops rouse__task_waker_ops;

/* The executor that was opened last on this thread, and is still open: whoever finds his
 * task's executor here is on its thread, and need not touch it to know. NULL if none. */
extern ROUSE__THREAD_LOCAL const struct rouse_executor *rouse__executor_here ROUSE__NEAR;

/* Puts a task at the end of the ready list. On the executor's thread. */
static inline void task_queue(struct rouse_executor *executor, struct rouse_task *task)
{
    task->ready_next = NULL;
    *executor->ready_tail = task;
    executor->ready_tail = &task->ready_next;
}

/* Tells whoever listens that a task will run. */
static inline void task_say_woken(struct rouse_executor *executor, struct rouse_task *task)
{
    if (executor->inspector != NULL && executor->inspector->woken != NULL)
        executor->inspector->woken(executor->inspector, task);
}

/* What task_push() does for another thread's executor, or one with an inspector. */
void rouse__task_push_slowly(struct rouse_executor *executor, struct rouse_task *task);

/* Puts a task whose QUEUED bit the caller has just set where its executor finds it. On the
 * executor's thread. */
static inline void task_push_here(struct rouse_executor *executor, struct rouse_task *task)
{
    if (executor->inspector == NULL)
        task_queue(executor, task);
    else
        rouse__task_push_slowly(executor, task);
}

/* The same, on any thread. */
static inline void task_push(struct rouse_executor *executor, struct rouse_task *task)
{
    if (executor->thread == rouse__thread())
        task_push_here(executor, task);
    else
        rouse__task_push_slowly(executor, task);
}

/* Enters a task in the list of live ones. On the executor's thread. */
static inline void executor_adopt(struct rouse_executor *executor, struct rouse_task *task)
{
    task->live_next = executor->live;
    task->live_link = &executor->live;
    if (task->live_next != NULL)
        task->live_next->live_link = &task->live_next;
    executor->live = task;
}

/* Gives one reference back. */
static inline void task_release(struct rouse_task *task)
{
    if (atomic_fetch_sub(&task->state, TASK_REFERENCE) / TASK_REFERENCE == 1
        && task->release != NULL)
        task->release(task);
}

/* Makes the task ready, unless it is. */
static inline void task_wake(struct rouse_task *task)
{
    if ((atomic_fetch_or(&task->state, TASK_QUEUED) & TASK_QUEUED) == 0)
        task_push(task->executor, task);
}

#endif /* ROUSE_TASK_STATE_H */
