/*
 * future.c -- the future that has ended, the waker that wakes nobody, the yield.
 */
#include <rouse/future.h>

static enum rouse_poll finished_poll(struct rouse_future *self, struct rouse_context *cx)
{
    (void) self;
    (void) cx;
    rouse_misuse("F5: polled after READY or drop()", self->ops->name);
    return ROUSE_PENDING;
}

const struct rouse_future_ops rouse_future_finished = {finished_poll, NULL, "finished"};

void rouse_waker_replace_(struct rouse_waker *slot, const struct rouse_waker *waker)
{
    struct rouse_waker old = *slot;

    /* In this order: the old one may hold the last reference to what both name. */
    if (waker->ops != NULL)
        waker->ops->retain(waker->data);
    *slot = *waker;
    rouse_waker_drop(&old);
}

static void ignore(void *data)
{
    (void) data;
}

static const struct rouse_waker_ops none_ops = {ignore, ignore, ignore, ignore};

const struct rouse_waker rouse_waker_none = {&none_ops, NULL};

static enum rouse_poll yield_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_yield *yield = (struct rouse_yield *) (void *) self;

    if (yield->yielded)
        return rouse_ready(self, 0);
    yield->yielded = true;
    cx->yield = true;
    return ROUSE_PENDING;
}

static const struct rouse_future_ops yield_ops = {yield_poll, NULL, "yield"};

struct rouse_yield rouse_yield(void)
{
    struct rouse_yield yield = {{&yield_ops, 0}, false};

    return yield;
}
