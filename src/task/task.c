/*
 * task.c -- what any thread may do to a task: wake, hold, cancel, spawn.
 */
#include "../base/compiler.h"
#include "state.h"

static void waker_retain(void *data)
{
    rouse_task_hold((struct rouse_task *) data);
}

/* Wakes, and gives the reference back, when others may touch the word. */
static NEVER_INLINE void wake_shared(struct rouse_task *task)
{
    uintptr_t old = atomic_load_relaxed(&task->state);

    /* One step, so that a wake that makes the task ready costs one. Giving the
     * reference back first is safe: a task that we have to put in a list cannot be
     * released before it has been taken out again. */
    while (!atomic_compare_exchange(&task->state, &old, (old | TASK_QUEUED) - TASK_REFERENCE)) {
    }
    if ((old & TASK_QUEUED) == 0)
        task_push(task->executor, task);
    else if (old / TASK_REFERENCE == 1 && task->release != NULL)
        task->release(task);
}

static void waker_wake(void *data)
{
    struct rouse_task *task = (struct rouse_task *) data;

    /* The hot path: on the executor's thread, with the only waker that there is. Nobody
     * else has a reference by which to touch the word. */
    if (task->executor == rouse__executor_here
        && atomic_load_acquire(&task->state) == TASK_ALONE + TASK_REFERENCE) {
        task->state = TASK_ALONE_QUEUED;
        task_push_here(task->executor, task);
    } else {
        wake_shared(task);
    }
}

static void waker_wake_by_ref(void *data)
{
    task_wake((struct rouse_task *) data);
}

static void waker_release(void *data)
{
    task_release((struct rouse_task *) data);
}

const struct rouse_waker_ops rouse__task_waker_ops = {waker_retain, waker_wake, waker_wake_by_ref,
                                                      waker_release};

void rouse_task_hold(struct rouse_task *task)
{
    atomic_fetch_add(&task->state, TASK_REFERENCE);
}

void rouse_task_unhold(struct rouse_task *task)
{
    task_release(task);
}

void rouse_cancel(struct rouse_task *task)
{
    if ((atomic_fetch_or(&task->state, TASK_CANCELED | TASK_QUEUED) & TASK_QUEUED) == 0)
        task_push(task->executor, task);
}

bool rouse_task_ended(const struct rouse_task *task)
{
    return (atomic_load_acquire(&task->state) & TASK_ENDED) != 0;
}

/* Whether `task` is among the newest thousand live ones: a spawn of those again is what
 * debug builds catch. */
static inline bool is_live(const struct rouse_executor *executor, const struct rouse_task *task)
{
    const struct rouse_task *live = executor->live;
    int n;

    for (n = 0; live != NULL && n < 1000; n++, live = live->live_next)
        if (live == task)
            return true;
    return false;
}

static void spawn(struct rouse_executor *executor, struct rouse_task *task,
                  struct rouse_future *future, void (*release)(struct rouse_task *),
                  uintptr_t references)
{
    const bool here = executor->thread == rouse__thread();

    ROUSE_RULE(!here || !is_live(executor, task), "T2: spawned twice", future->ops->name);
    task->future = future;
    task->executor = executor;
    task->release = release;
    task->joiner.ops = NULL;
    task->state = TASK_QUEUED + references * TASK_REFERENCE;
    if (here) {
        executor_adopt(executor, task);
        task_push_here(executor, task);
    } else {
        task->state |= TASK_ARRIVING;
        rouse__task_push_slowly(executor, task);
    }
}

void rouse_spawn(struct rouse_executor *executor, struct rouse_task *task,
                 struct rouse_future *future, void (*release)(struct rouse_task *task))
{
    spawn(executor, task, future, release, 1);
}

void rouse_spawn_held(struct rouse_executor *executor, struct rouse_task *task,
                      struct rouse_future *future, void (*release)(struct rouse_task *task))
{
    spawn(executor, task, future, release, 2);
}
