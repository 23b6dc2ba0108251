/*
 * join.c -- waiting for a task to end, from any thread.
 *
 * The waker lies in the task, and the JOINER bit says whose it is: ours while the bit is
 * clear, the executor's while it is set. Setting and clearing it tell us at the same time
 * whether the task has ended, so there is no moment at which an end goes unseen.
 */
#include "state.h"

/* Takes the waker back. False when the task has ended, and the waker is not ours. */
static bool take_back(struct rouse_join *join)
{
    if ((atomic_fetch_and(&join->task->state, ~(uintptr_t) TASK_JOINER) & TASK_ENDED) != 0)
        return false;
    rouse_waker_drop(&join->task->joiner);
    return true;
}

static enum rouse_poll join_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_join *join = (struct rouse_join *) (void *) self;
    struct rouse_task *task = join->task;
    const uintptr_t state = atomic_load_acquire(&task->state);

    if ((state & TASK_ENDED) != 0)
        return rouse_ready(self, task->result);
    if (join->registered) {
        if (join->kept.ops == cx->waker->ops && join->kept.data == cx->waker->data)
            return ROUSE_PENDING;
        if (!take_back(join))
            return rouse_ready(self, task->result);
    } else {
        ROUSE_RULE((state & TASK_JOINER) == 0, "T9: a second joiner", self->ops->name);
    }
    rouse_waker_keep(&task->joiner, cx->waker);
    if ((atomic_fetch_or(&task->state, TASK_JOINER) & TASK_ENDED) != 0) {
        rouse_waker_drop(&task->joiner); /* it ended before it could see ours */
        return rouse_ready(self, task->result);
    }
    join->kept = *cx->waker;
    join->registered = true;
    return ROUSE_PENDING;
}

static void join_drop(struct rouse_future *self)
{
    struct rouse_join *join = (struct rouse_join *) (void *) self;

    if (join->registered)
        (void) take_back(join);
}

static const struct rouse_future_ops join_ops = {join_poll, join_drop, "join"};

struct rouse_join rouse_join(struct rouse_task *task)
{
    struct rouse_join join = {{&join_ops, 0}, task, {NULL, NULL}, false};

    return join;
}
