/*
 * toll.c -- a queue that counts, and refuses.
 */
#include "toll.h"

#include <errno.h>

#include "../evq/kernel.h"

static struct toll *toll_of(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct toll, evq);
}

static bool is_due(struct toll *toll, int count, int at)
{
    const bool due = at != 0 && (toll->for_ever ? count >= at : count == at);

    toll->refused += due;
    return due;
}

static int toll_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct toll *toll = toll_of(evq);

    if (is_due(toll, ++toll->arms, toll->arm_to_refuse))
        return -ENOMEM;
    return toll->inner->ops->arm(toll->inner, source, interest);
}

static void toll_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct toll *toll = toll_of(evq);

    toll->inner->ops->forget(toll->inner, source);
}

static int toll_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                     rouse_time deadline)
{
    struct toll *toll = toll_of(evq);
    int count;

    if (is_due(toll, ++toll->waits, toll->wait_to_fail))
        return -ENOMEM;
    count = toll->inner->ops->wait(toll->inner, events, capacity, deadline);
    toll->reports += count > 0 ? count : 0;
    return count;
}

static void toll_wake(struct rouse_evq *evq)
{
    struct toll *toll = toll_of(evq);

    toll->inner->ops->wake(toll->inner);
}

static rouse_time toll_now(struct rouse_evq *evq)
{
    struct toll *toll = toll_of(evq);

    return toll->inner->ops->now(toll->inner);
}

void toll_init(struct toll *toll, struct rouse_evq *inner)
{
    *toll = (struct toll){.inner = inner, .ops = *inner->ops};
    toll->ops.size = sizeof toll->ops;
    toll->ops.arm = toll_arm;
    toll->ops.forget = toll_forget;
    toll->ops.wait = toll_wait;
    toll->ops.wake = toll_wake;
    toll->ops.now = toll_now;
    toll->ops.pollable = NULL;
    toll->evq.ops = &toll->ops;
    toll->evq.sockets = inner->sockets;
}

void toll_refuse_arm(struct toll *toll, int n, bool for_ever)
{
    toll->arm_to_refuse = n != 0 ? toll->arms + n : 0;
    toll->for_ever = for_ever;
    toll->refused = 0;
}

void toll_fail_wait(struct toll *toll, int n, bool for_ever)
{
    toll->wait_to_fail = n != 0 ? toll->waits + n : 0;
    toll->for_ever = for_ever;
    toll->refused = 0;
}

int toll_cpu_ms(void)
{
    return (int) (kernel_process_cpu_ns() / ROUSE_MS(1));
}

int toll_cpu_ms_since(int before)
{
    const int used = toll_cpu_ms() - before - (int) (kernel_cpu_step_ns / ROUSE_MS(1));

    return used > 0 ? used : 0;
}
