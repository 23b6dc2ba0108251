/*
 * deadline.c -- a limit on any future.
 */
#include <errno.h>
#include <rouse/timer.h>

static enum rouse_poll deadline_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_deadline *limit = (struct rouse_deadline *) (void *) self;

    if (rouse_future_poll(limit->child, cx) == ROUSE_READY) {
        rouse_timer_cancel(limit->reactor, &limit->timer);
        return rouse_ready(self, limit->child->result);
    }
    if (rouse_now(limit->reactor) >= limit->deadline) {
        if (!rouse_budget_spend(cx)) /* what is too late already can be repeated for ever */
            return ROUSE_PENDING;
        cx->yield = false; /* the child's wish, and it is gone */
        rouse_timer_cancel(limit->reactor, &limit->timer);
        rouse_future_drop(limit->child);
        return rouse_ready(self, -ETIMEDOUT);
    }
    if (rouse_timer_armed(&limit->timer))
        rouse_waker_keep(&limit->timer.waker, cx->waker);
    else
        rouse_timer_arm(limit->reactor, &limit->timer, limit->deadline, cx->waker);
    return ROUSE_PENDING;
}

static void deadline_drop(struct rouse_future *self)
{
    struct rouse_deadline *limit = (struct rouse_deadline *) (void *) self;

    rouse_timer_cancel(limit->reactor, &limit->timer);
    rouse_future_drop(limit->child);
}

static const struct rouse_future_ops deadline_ops = {deadline_poll, deadline_drop, "deadline"};

struct rouse_deadline rouse_deadline(struct rouse_reactor *reactor, struct rouse_future *child,
                                     rouse_time deadline)
{
    const struct rouse_timer idle = {0};
    struct rouse_deadline limit = {{&deadline_ops, 0}, child, reactor, deadline, idle};

    return limit;
}
