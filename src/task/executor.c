/*
 * executor.c -- the ready list, the inbox, and the end of tasks.
 *
 * Two lists lead to a poll. The ready list is the owner's alone, and oldest first. The
 * inbox is where other threads put what they woke: a stack that many push to and one
 * empties at a stroke (R. K. Treiber's, without its ABA problem, since nobody pops).
 *
 * The hard part is the end. A thread that has won the right to queue a task goes on to
 * touch the executor, which may be closing meanwhile. It is safe until its push, because
 * close() waits for every task that ended with QUEUED set (`owed`); and from there to the
 * end of its nudge it is counted in `visitors`, which close() waits for too.
 */
#include "../base/compiler.h"
#include "run.h"

#include <errno.h>

ROUSE__THREAD_LOCAL const struct rouse_executor *rouse__executor_here;

void rouse_executor_init(struct rouse_executor *executor, const struct rouse_waker *nudge)
{
    const struct rouse_executor empty = {0};

    *executor = empty;
    executor->thread = rouse__thread();
    executor->ready_tail = &executor->ready;
    executor->waker.ops = &rouse__task_waker_ops;
    executor->context.waker = &executor->waker;
    executor->context.budget = &executor->budget;
    rouse_waker_keep(&executor->nudge, nudge);
    rouse__executor_here = executor;
}

static void inbox_push(struct rouse_executor *executor, struct rouse_task *task)
{
    uintptr_t head;

    atomic_fetch_add(&executor->visitors, 1);
    head = atomic_load_relaxed(&executor->inbox);
    do {
        task->ready_next = (struct rouse_task *) head;
    } while (!atomic_compare_exchange(&executor->inbox, &head, (uintptr_t) task));
    /* Whoever finds the inbox empty wakes the thread; the others know that it was. */
    if (head == 0)
        rouse_wake_by_ref(&executor->nudge);
    atomic_fetch_sub(&executor->visitors, 1); /* now the executor may go */
}

void rouse__task_push_slowly(struct rouse_executor *executor, struct rouse_task *task)
{
    task_say_woken(executor, task);
    if (executor->thread == rouse__thread())
        task_queue(executor, task);
    else
        inbox_push(executor, task);
}

NEVER_INLINE void rouse__inbox_take(struct rouse_executor *executor)
{
    struct rouse_task *task = (struct rouse_task *) atomic_exchange(&executor->inbox, 0);
    struct rouse_task *oldest = NULL;

    while (task != NULL) {
        struct rouse_task *next = task->ready_next;

        task->ready_next = oldest;
        oldest = task;
        task = next;
    }
    while (oldest != NULL) {
        struct rouse_task *next = oldest->ready_next;

        if ((atomic_load_relaxed(&oldest->state) & TASK_ARRIVING) != 0) {
            atomic_fetch_and(&oldest->state, ~(uintptr_t) TASK_ARRIVING);
            executor_adopt(executor, oldest);
        }
        task_queue(executor, oldest);
        oldest = next;
    }
}

NEVER_INLINE void rouse__end_shared(struct rouse_executor *executor, struct rouse_task *task)
{
    /* Publishes `result`, and takes the joiner's waker from the joiner. */
    const uintptr_t old = atomic_fetch_or(&task->state, TASK_ENDED | TASK_QUEUED);

    if ((old & TASK_JOINER) != 0)
        rouse_wake(&task->joiner);
    if ((old & TASK_QUEUED) != 0)
        executor->owed++; /* it is in a list, or will be */
    else
        task_release(task);
}

static NEVER_INLINE void end_canceled(struct rouse_executor *executor, struct rouse_task *task)
{
    rouse_future_drop(task->future);
    end_task(executor, task, -ECANCELED);
}

NEVER_INLINE bool rouse__begin_shared(struct rouse_executor *executor, struct rouse_task *task)
{
    /* Only we set ENDED, so that looking is enough. */
    if ((atomic_load_relaxed(&task->state) & TASK_ENDED) != 0) {
        executor->owed--;
        task_release(task);
        return false;
    }
    /* Takes what the wakers published (W5). */
    if ((atomic_fetch_sub(&task->state, TASK_QUEUED) & TASK_CANCELED) == 0)
        return true;
    end_canceled(executor, task);
    return false;
}

NEVER_INLINE void rouse__say_polled(struct rouse_executor *executor, struct rouse_task *task,
                                    enum rouse_poll poll)
{
    if (executor->inspector->polled != NULL)
        executor->inspector->polled(executor->inspector, task, poll);
}

NEVER_INLINE void rouse__wake_yielded(struct rouse_task *task)
{
    task_wake(task);
}

size_t rouse_executor_run(struct rouse_executor *executor, size_t limit)
{
    return run_ready(executor, limit);
}

bool rouse_executor_idle(struct rouse_executor *executor)
{
    return executor->ready == NULL && atomic_load_acquire(&executor->inbox) == 0;
}

void rouse_executor_close(struct rouse_executor *executor)
{
    ROUSE_RULE(!executor->running, "T1: rouse_executor_close() inside a poll", NULL);
    if (TASK_CHECKED)
        executor->running = true;
    for (;;) {
        struct rouse_task *task;

        rouse__inbox_take(executor);
        while (executor->live != NULL)
            end_canceled(executor, executor->live);
        while ((task = executor->ready) != NULL) {
            ready_take(executor, task);
            (void) rouse__begin_shared(executor, task); /* all have ended: gives them back */
        }
        if (executor->live != NULL || atomic_load_acquire(&executor->inbox) != 0)
            continue;
        if (executor->owed == 0 && atomic_load_acquire(&executor->visitors) == 0)
            break;
        rouse__thread_yield(); /* another thread is inside a wake(), for an instant */
    }
    rouse_waker_drop(&executor->nudge);
    if (rouse__executor_here == executor)
        rouse__executor_here = NULL;
}
