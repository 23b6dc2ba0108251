/*
 * sleep.c -- a future that is READY when its time has come.
 */
#include <rouse/timer.h>

static enum rouse_poll sleep_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_sleep *sleep = (struct rouse_sleep *) (void *) self;

    if (rouse_now(sleep->reactor) >= sleep->deadline) {
        if (!rouse_budget_spend(cx)) /* a sleep of no time can be repeated for ever */
            return ROUSE_PENDING;
        rouse_timer_cancel(sleep->reactor, &sleep->timer);
        return rouse_ready(self, 0);
    }
    if (rouse_timer_armed(&sleep->timer))
        rouse_waker_keep(&sleep->timer.waker, cx->waker);
    else
        rouse_timer_arm(sleep->reactor, &sleep->timer, sleep->deadline, cx->waker);
    return ROUSE_PENDING;
}

static void sleep_drop(struct rouse_future *self)
{
    struct rouse_sleep *sleep = (struct rouse_sleep *) (void *) self;

    rouse_timer_cancel(sleep->reactor, &sleep->timer);
}

static const struct rouse_future_ops sleep_ops = {sleep_poll, sleep_drop, "sleep"};

struct rouse_sleep rouse_sleep_until(struct rouse_reactor *reactor, rouse_time deadline)
{
    const struct rouse_timer idle = {0};
    struct rouse_sleep sleep = {{&sleep_ops, 0}, reactor, deadline, idle};

    return sleep;
}

struct rouse_sleep rouse_sleep(struct rouse_reactor *reactor, rouse_time duration)
{
    return rouse_sleep_until(reactor, rouse_after(reactor, duration));
}
