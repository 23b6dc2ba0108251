/*
 * wait.c -- waiting for a future on a plain thread.
 *
 * The thread sleeps on a self-pipe. Wakers may outlive the call, so what they point at
 * is counted and lives on the heap; the last of them, on whichever thread, frees it.
 */
#include "../base/alloc.h"
#include "../base/atomic.h"
#include "../base/selfpipe.h"

#include <errno.h>
#include <rouse/future.h>

struct sleeper {
    uintptr_t references; /* atomic: ours and each waker's */
    uintptr_t woken;      /* atomic: 1 after a wake, until the next poll begins */
    struct rouse__selfpipe pipe;
    const struct rouse_alloc *alloc;
};

static void sleeper_retain(void *data)
{
    struct sleeper *sleeper = (struct sleeper *) data;

    atomic_fetch_add(&sleeper->references, 1);
}

static void sleeper_release(void *data)
{
    struct sleeper *sleeper = (struct sleeper *) data;

    if (atomic_fetch_sub(&sleeper->references, 1) != 1)
        return;
    rouse__selfpipe_close(&sleeper->pipe);
    rouse__free(sleeper->alloc, sleeper, sizeof *sleeper);
}

static void sleeper_wake_by_ref(void *data)
{
    struct sleeper *sleeper = (struct sleeper *) data;

    if (atomic_exchange(&sleeper->woken, 1) == 0)
        rouse__selfpipe_notify(&sleeper->pipe);
}

static void sleeper_wake(void *data)
{
    sleeper_wake_by_ref(data);
    sleeper_release(data);
}

static const struct rouse_waker_ops sleeper_ops = {sleeper_retain, sleeper_wake,
                                                   sleeper_wake_by_ref, sleeper_release};

static int sleeper_open(struct sleeper **opened, const struct rouse_alloc *alloc)
{
    struct sleeper *sleeper = (struct sleeper *) rouse__alloc(alloc, sizeof *sleeper);
    int error;

    if (sleeper == NULL)
        return -ENOMEM;
    error = rouse__selfpipe_open(&sleeper->pipe);
    if (error < 0) {
        rouse__free(alloc, sleeper, sizeof *sleeper);
        return error;
    }
    sleeper->references = 1;
    sleeper->alloc = alloc;
    *opened = sleeper;
    return 0;
}

intptr_t rouse_wait(struct rouse_future *future, const struct rouse_alloc *alloc)
{
    struct sleeper *sleeper;
    struct rouse_waker waker;
    struct rouse_context cx = {&waker, NULL, false};
    const int error = sleeper_open(&sleeper, alloc);

    if (error < 0) {
        rouse_future_drop(future);
        return error;
    }
    waker.ops = &sleeper_ops;
    waker.data = sleeper;
    while (rouse_future_poll(future, &cx) == ROUSE_PENDING) {
        if (!cx.yield) {
            rouse__selfpipe_wait(&sleeper->pipe);
            rouse__selfpipe_drain(&sleeper->pipe);
            /* A waker that comes from here on writes again; one that came before
             * was for the poll that follows. */
            atomic_exchange(&sleeper->woken, 0);
        }
        cx.yield = false;
    }
    sleeper_release(sleeper);
    return future->result;
}
