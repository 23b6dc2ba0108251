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
#include "state.h"

#include <errno.h>

#ifdef NDEBUG
enum { CHECKED = 0 };
#else
enum {
    CHECKED = 1 /* debug builds watch that no run happens inside another */
};
#endif

enum {
    BUDGET = 128 /* steps that one poll may take; tokio found that number to serve well */
};

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

/* Takes the oldest out of the ready list. */
static inline void ready_take(struct rouse_executor *executor, struct rouse_task *oldest)
{
    executor->ready = oldest->ready_next;
    if (executor->ready == NULL)
        executor->ready_tail = &executor->ready;
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

/* Moves the inbox to the end of the ready list, oldest first. */
static NEVER_INLINE void inbox_take(struct rouse_executor *executor)
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

/* The end of a task whose word others may touch. */
static NEVER_INLINE void end_shared(struct rouse_executor *executor, struct rouse_task *task)
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

static inline void end(struct rouse_executor *executor, struct rouse_task *task, intptr_t result)
{
    struct rouse_task *next = task->live_next;

    *task->live_link = next;
    if (next != NULL)
        next->live_link = task->live_link;
    task->result = result;
    if (executor->inspector != NULL && executor->inspector->ended != NULL)
        executor->inspector->ended(executor->inspector, task, result);
    if (atomic_load_acquire(&task->state) != TASK_ALONE)
        end_shared(executor, task);
    else if (task->release != NULL)
        task->release(task);
}

static NEVER_INLINE void end_canceled(struct rouse_executor *executor, struct rouse_task *task)
{
    rouse_future_drop(task->future);
    end(executor, task, -ECANCELED);
}

/* Takes a task whose word others may touch out of the list. False when it is not to be
 * polled: it has ended, or ends now. */
static NEVER_INLINE bool begin_shared(struct rouse_executor *executor, struct rouse_task *task)
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

/* Tells whoever listens that a task was polled. */
static NEVER_INLINE void say_polled(struct rouse_executor *executor, struct rouse_task *task,
                                    enum rouse_poll poll)
{
    if (executor->inspector->polled != NULL)
        executor->inspector->polled(executor->inspector, task, poll);
}

static NEVER_INLINE void wake_yielded(struct rouse_task *task)
{
    task_wake(task);
}

/* Gives a task that was taken out of the ready list its turn. */
static ALWAYS_INLINE void run(struct rouse_executor *executor, struct rouse_task *task)
{
    enum rouse_poll poll;

    if (atomic_load_acquire(&task->state) == TASK_ALONE_QUEUED)
        task->state = TASK_ALONE;
    else if (!begin_shared(executor, task))
        return;
    executor->waker.data = task;
    executor->budget = BUDGET;
    executor->context.yield = false;
    poll = rouse_future_poll(task->future, &executor->context);
    if (executor->inspector != NULL)
        say_polled(executor, task, poll);
    if (poll == ROUSE_READY) {
        end(executor, task, task->future->result);
    } else if (executor->context.yield) {
        if (atomic_load_acquire(&task->state) == TASK_ALONE) {
            task->state = TASK_ALONE_QUEUED;
            task_push_here(executor, task);
        } else {
            wake_yielded(task);
        }
    }
}

size_t rouse_executor_run(struct rouse_executor *executor, size_t limit)
{
    size_t left = limit;

    ROUSE_RULE(!executor->running, "T1: rouse_executor_run() inside itself", NULL);
    if (CHECKED)
        executor->running = true;
    while (left > 0) {
        struct rouse_task *task = executor->ready;

        if (task != NULL) {
            ready_take(executor, task);
            run(executor, task);
            left--;
        } else if (atomic_load_relaxed(&executor->inbox) != 0) {
            inbox_take(executor);
        } else {
            break;
        }
    }
    /* With more to do, what others woke comes next, behind what is ready now. */
    if (left == 0 && atomic_load_relaxed(&executor->inbox) != 0)
        inbox_take(executor);
    if (CHECKED)
        executor->running = false;
    return limit - left;
}

bool rouse_executor_idle(struct rouse_executor *executor)
{
    return executor->ready == NULL && atomic_load_acquire(&executor->inbox) == 0;
}

void rouse_executor_close(struct rouse_executor *executor)
{
    ROUSE_RULE(!executor->running, "T1: rouse_executor_close() inside a poll", NULL);
    if (CHECKED)
        executor->running = true;
    for (;;) {
        struct rouse_task *task;

        inbox_take(executor);
        while (executor->live != NULL)
            end_canceled(executor, executor->live);
        while ((task = executor->ready) != NULL) {
            ready_take(executor, task);
            (void) begin_shared(executor, task); /* all have ended: gives them back */
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
