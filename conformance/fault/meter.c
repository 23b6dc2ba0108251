/*
 * meter.c -- a queue that counts, and refuses.
 */
#include "meter.h"

#include <errno.h>
#include <time.h>

static struct meter *meter_of(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct meter, evq);
}

static bool is_due(struct meter *meter, int count, int at)
{
    const bool due = at != 0 && (meter->for_ever ? count >= at : count == at);

    meter->refused += due;
    return due;
}

static int meter_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct meter *meter = meter_of(evq);

    if (is_due(meter, ++meter->arms, meter->arm_to_refuse))
        return -ENOMEM;
    return meter->inner->ops->arm(meter->inner, source, interest);
}

static void meter_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct meter *meter = meter_of(evq);

    meter->inner->ops->forget(meter->inner, source);
}

static int meter_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct meter *meter = meter_of(evq);
    int count;

    if (is_due(meter, ++meter->waits, meter->wait_to_fail))
        return -ENOMEM;
    count = meter->inner->ops->wait(meter->inner, events, capacity, deadline);
    meter->reports += count > 0 ? count : 0;
    return count;
}

static void meter_wake(struct rouse_evq *evq)
{
    struct meter *meter = meter_of(evq);

    meter->inner->ops->wake(meter->inner);
}

static rouse_time meter_now(struct rouse_evq *evq)
{
    struct meter *meter = meter_of(evq);

    return meter->inner->ops->now(meter->inner);
}

void meter_init(struct meter *meter, struct rouse_evq *inner)
{
    *meter = (struct meter){.inner = inner, .ops = *inner->ops};
    meter->ops.size = sizeof meter->ops;
    meter->ops.arm = meter_arm;
    meter->ops.forget = meter_forget;
    meter->ops.wait = meter_wait;
    meter->ops.wake = meter_wake;
    meter->ops.now = meter_now;
    meter->ops.pollable = NULL;
    meter->evq.ops = &meter->ops;
    meter->evq.sockets = inner->sockets;
}

void meter_refuse_arm(struct meter *meter, int n, bool for_ever)
{
    meter->arm_to_refuse = n != 0 ? meter->arms + n : 0;
    meter->for_ever = for_ever;
    meter->refused = 0;
}

void meter_fail_wait(struct meter *meter, int n, bool for_ever)
{
    meter->wait_to_fail = n != 0 ? meter->waits + n : 0;
    meter->for_ever = for_ever;
    meter->refused = 0;
}

int meter_cpu_ms(void)
{
    return (int) (clock() / (CLOCKS_PER_SEC / 1000));
}
