/*
 * async.c -- dropping a future that was written as straight-line code.
 */
#include <rouse/async.h>

void rouse_async_drop(struct rouse_future *future)
{
    struct rouse_async *async = rouse_container_of(future, struct rouse_async, future);
    struct rouse_context cx = {&rouse_waker_none, NULL, false};

    if (async->child != NULL) {
        rouse_future_drop(async->child);
        async->child = NULL;
    }
    async->resume = ROUSE_ASYNC_FINAL;
    (void) future->ops->poll(future, &cx);
}
