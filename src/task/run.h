/*
 * run.h -- giving tasks their turn: the loop of rouse_executor_run(), and of rouse_run().
 *
 * It is here to be inlined in both. In a conversation over a socket every turn of the
 * reactor makes one task ready, and what it costs to enter and leave this loop is then
 * paid for each poll. What happens rarely is in executor.c.
 */
#ifndef ROUSE_TASK_RUN_H
#define ROUSE_TASK_RUN_H

#include "../base/compiler.h"
#include "state.h"

#ifdef NDEBUG
enum { TASK_CHECKED = 0 };
#else
enum {
    TASK_CHECKED = 1 /* debug builds watch that no run happens inside another */
};
#endif

enum {
    TASK_BUDGET = 128 /* steps that one poll may take; tokio found that number to serve well */
};

/* Moves the inbox to the end of the ready list, oldest first. */
void rouse__inbox_take(struct rouse_executor *executor);

/* Takes a task whose word others may touch out of the list. False when it is not to be
 * polled: it has ended, or ends now. */
bool rouse__begin_shared(struct rouse_executor *executor, struct rouse_task *task);

/* The end of a task whose word others may touch. */
void rouse__end_shared(struct rouse_executor *executor, struct rouse_task *task);

/* Wakes a task that yielded and whose word others may touch. */
void rouse__wake_yielded(struct rouse_task *task);

/* Tells the inspector that a task was polled. */
void rouse__say_polled(struct rouse_executor *executor, struct rouse_task *task,
                       enum rouse_poll poll);

/* Takes the oldest out of the ready list. */
static inline void ready_take(struct rouse_executor *executor, struct rouse_task *oldest)
{
    executor->ready = oldest->ready_next;
    if (executor->ready == NULL)
        executor->ready_tail = &executor->ready;
}

static inline void end_task(struct rouse_executor *executor, struct rouse_task *task,
                            intptr_t result)
{
    struct rouse_task *next = task->live_next;

    *task->live_link = next;
    if (next != NULL)
        next->live_link = task->live_link;
    task->result = result;
    if (executor->inspector != NULL && executor->inspector->ended != NULL)
        executor->inspector->ended(executor->inspector, task, result);
    if (atomic_load_acquire(&task->state) != TASK_ALONE)
        rouse__end_shared(executor, task);
    else if (task->release != NULL)
        task->release(task);
}

/* Gives a task that was taken out of the ready list its turn. */
static ALWAYS_INLINE void run_task(struct rouse_executor *executor, struct rouse_task *task)
{
    enum rouse_poll poll;

    if (atomic_load_acquire(&task->state) == TASK_ALONE_QUEUED)
        task->state = TASK_ALONE;
    else if (!rouse__begin_shared(executor, task))
        return;
    executor->waker.data = task;
    executor->budget = TASK_BUDGET;
    executor->context.yield = false;
    poll = rouse_future_poll(task->future, &executor->context);
    if (executor->inspector != NULL)
        rouse__say_polled(executor, task, poll);
    if (poll == ROUSE_READY) {
        end_task(executor, task, task->future->result);
    } else if (executor->context.yield) {
        if (atomic_load_acquire(&task->state) == TASK_ALONE) {
            task->state = TASK_ALONE_QUEUED;
            task_push_here(executor, task);
        } else {
            rouse__wake_yielded(task);
        }
    }
}

/* What rouse_executor_run() does. */
static ALWAYS_INLINE size_t run_ready(struct rouse_executor *executor, size_t limit)
{
    size_t left = limit;

    ROUSE_RULE(!executor->running, "T1: rouse_executor_run() inside itself", NULL);
    if (TASK_CHECKED)
        executor->running = true;
    while (left > 0) {
        struct rouse_task *task = executor->ready;

        if (task != NULL) {
            ready_take(executor, task);
            run_task(executor, task);
            left--;
        } else if (atomic_load_relaxed(&executor->inbox) != 0) {
            rouse__inbox_take(executor);
        } else {
            break;
        }
    }
    /* With more to do, what others woke comes next, behind what is ready now. */
    if (left == 0 && atomic_load_relaxed(&executor->inbox) != 0)
        rouse__inbox_take(executor);
    if (TASK_CHECKED)
        executor->running = false;
    return limit - left;
}

#endif /* ROUSE_TASK_RUN_H */
