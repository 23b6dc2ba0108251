/*
 * interval.c -- a steady beat that keeps its grid (M6).
 */
#include <rouse/timer.h>

struct rouse_interval rouse_interval(struct rouse_reactor *reactor, rouse_time period)
{
    struct rouse_interval interval = {reactor, 0, period > 0 ? period : 1};

    interval.next = rouse_after(reactor, interval.period);
    return interval;
}

static enum rouse_poll tick_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_tick *tick = (struct rouse_tick *) (void *) self;
    struct rouse_interval *interval = tick->interval;
    const rouse_time late = rouse_now(interval->reactor) - interval->next;
    rouse_time ticks;

    if (late < 0) {
        if (rouse_timer_armed(&tick->timer))
            rouse_waker_keep(&tick->timer.waker, cx->waker);
        else
            rouse_timer_arm(interval->reactor, &tick->timer, interval->next, cx->waker);
        return ROUSE_PENDING;
    }
    if (!rouse_budget_spend(cx)) /* a short beat can be late for ever */
        return ROUSE_PENDING;
    ticks = 1 + late / interval->period;
    interval->next = ticks < (ROUSE_NEVER - interval->next) / interval->period
                         ? interval->next + ticks * interval->period
                         : ROUSE_NEVER;
    rouse_timer_cancel(interval->reactor, &tick->timer);
    return rouse_ready(self, (intptr_t) ticks);
}

static void tick_drop(struct rouse_future *self)
{
    struct rouse_tick *tick = (struct rouse_tick *) (void *) self;

    rouse_timer_cancel(tick->interval->reactor, &tick->timer);
}

static const struct rouse_future_ops tick_ops = {tick_poll, tick_drop, "tick"};

struct rouse_tick rouse_tick(struct rouse_interval *interval)
{
    const struct rouse_timer idle = {0};
    struct rouse_tick tick = {{&tick_ops, 0}, interval, idle};

    return tick;
}
