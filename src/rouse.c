/*
 * rouse.c -- ties an executor and a reactor together, and contains almost nothing.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "evq/backends.h"
#include "reactor/reactor_internal.h"
#include "task/run.h"

#include <errno.h>
#include <rouse/rouse.h>
#include <string.h>

#ifdef NDEBUG
enum { CHECKED = 0 };
#else
enum {
    CHECKED = 1 /* debug builds watch the queue and its use */
};
#endif

enum {
    SLICE = 128 /* polls between two looks at I/O and timers (T8) */
};

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

const char *rouse_version(void)
{
    return TEXT(ROUSE_VERSION_MAJOR) "." TEXT(ROUSE_VERSION_MINOR) "." TEXT(ROUSE_VERSION_PATCH);
}

/* Opens the queue that the options name; leaves it in `rt->evq`. */
static int open_queue(struct rouse *rt, const struct rouse_options *options)
{
    const struct rouse_evq_ops *backend = rouse_backend(options->backend);
    struct rouse_evq_options evq_options = {sizeof evq_options, options->alloc, NULL};
    struct rouse_evq *evq;
    int error;

    if (backend == NULL)
        return -ENODEV;
    error = backend->open(&evq, options->evq_options != NULL ? options->evq_options : &evq_options);
    if (error < 0)
        return error;
    rt->evq = evq;
    if (!CHECKED)
        return 0;
    error = rouse_evq_check(&rt->evq, evq, options->alloc);
    if (error < 0)
        evq->ops->close(evq);
    return error;
}

int rouse_open(struct rouse *rt, const struct rouse_options *options)
{
    struct rouse_options known = {0};
    int error = 0;

    memset(rt, 0, sizeof *rt);
    if (options != NULL)
        memcpy(&known, options,
               options->size != 0 && options->size < sizeof known ? options->size : sizeof known);
    if (known.evq == NULL)
        error = open_queue(rt, &known);
    if (error < 0) {
        memset(rt, 0, sizeof *rt);
        return error;
    }
    rouse_reactor_init(&rt->reactor, known.evq != NULL ? known.evq : rt->evq, known.alloc);
    rouse_executor_init(&rt->executor, &rt->reactor.nudge);
    return 0;
}

void rouse_close(struct rouse *rt)
{
    if (rt->reactor.evq == NULL)
        return;
    rouse_executor_close(&rt->executor);
    rouse_reactor_close(&rt->reactor);
    if (rt->evq != NULL)
        rt->evq->ops->close(rt->evq);
    memset(rt, 0, sizeof *rt);
}

/* The task of a run. It lives on the heap, since its wakers may outlive the run, and the
 * runtime. */
struct root {
    struct rouse_task task;
    const struct rouse_alloc *alloc;
};

static void root_release(struct rouse_task *task)
{
    struct root *root = rouse_container_of(task, struct root, task);

    rouse__free(root->alloc, root, sizeof *root);
}

/* Whether a signal of rouse_stop_on() came since this was last asked. */
static inline bool stopped(struct rouse *rt)
{
    return rt->reactor.signals != NULL && rouse__signals_stopped(&rt->reactor);
}

intptr_t rouse_run(struct rouse *rt, struct rouse_future *future)
{
    struct root *root = (struct root *) rouse__alloc(rt->reactor.alloc, sizeof *root);
    intptr_t result;
    int error = 0;

    if (root == NULL) {
        rouse_future_drop(future);
        return -ENOMEM;
    }
    root->alloc = rt->reactor.alloc;
    rouse_spawn_held(&rt->executor, &root->task, future, root_release);
    for (;;) {
        const bool idle = run_ready(&rt->executor, SLICE) < SLICE;

        if ((atomic_load_acquire(&root->task.state) & TASK_ENDED) != 0)
            break;
        /* A signal may have come in a rouse_turn() before this run. */
        if (stopped(rt) || error < 0
            || (error = reactor_turn(&rt->reactor, idle ? ROUSE_NEVER : 0)) < 0 || stopped(rt))
            rouse_cancel(&root->task);
    }
    result = error < 0 ? error : root->task.result;
    rouse_task_unhold(&root->task);
    return result;
}

int rouse_stop_on(struct rouse *rt, int signal_number)
{
    return rouse__signals_stop_on(&rt->reactor, signal_number);
}

intptr_t rouse_turn(struct rouse *rt, rouse_time deadline)
{
    size_t polls = rouse_executor_run(&rt->executor, SLICE);
    const int error =
        rouse_reactor_turn(&rt->reactor, rouse_executor_idle(&rt->executor) ? deadline : 0);

    if (error < 0)
        return error;
    polls += rouse_executor_run(&rt->executor, SLICE);
    return (intptr_t) polls;
}

rouse_time rouse_next_deadline(struct rouse *rt)
{
    return rouse_executor_idle(&rt->executor) ? rouse_reactor_deadline(&rt->reactor) : 0;
}

rouse_fd rouse_pollable(struct rouse *rt)
{
    struct rouse_evq *evq = rt->reactor.evq;

    /* A table from before there was such a function ends before it. */
    if (evq->ops->size <= offsetof(struct rouse_evq_ops, pollable))
        return ROUSE_NO_FD;
    return evq->ops->pollable != NULL ? evq->ops->pollable(evq) : ROUSE_NO_FD;
}

const char *rouse_strerror(intptr_t result)
{
    if (result >= 0)
        return "success";
    if (result == -ENODEV)
        return rouse__no_such_backend;
    return rouse__error_text((int) -result);
}
