/*
 * signals.c -- a handler that counts, beneath those of rouse.
 */
#include "signals.h"

#include <errno.h>

const int signals[SIGNALS] = {SIGTERM, SIGINT};

static volatile sig_atomic_t counted;
static signals_handler before[SIGNALS];

void signals_count(int number)
{
    signal(number, signals_count); /* for systems that take it out when it is called */
    counted++;
}

int signals_counted(void)
{
    const int count = (int) counted;

    counted = 0;
    return count;
}

void signals_begin(void)
{
    for (int i = 0; i < SIGNALS; i++)
        before[i] = signal(signals[i], signals_count);
    counted = 0;
}

void signals_end(void)
{
    for (int i = 0; i < SIGNALS; i++)
        signal(signals[i], before[i]);
}

signals_handler signals_now(int number)
{
    const signals_handler now = signal(number, signals_count);

    signal(number, now);
    return now;
}

void signals_watch(struct rouse_reactor *reactor, int number)
{
    struct rouse_signal first = rouse_signal(reactor, number);

    /* It is READY with 0 when the signal has come already. */
    if (world_poll(&first.future, NULL) == ROUSE_READY && first.future.result != 0)
        suite_error("signal %d cannot be watched: %s", number, rouse_strerror(first.future.result));
    rouse_future_drop(&first.future);
}

/* On the clock of the runtime's own queue, which need not be the world's. */
static intptr_t result_within(struct rouse *rt, int number, int ms)
{
    struct rouse_signal waits = rouse_signal(&rt->reactor, number);
    struct rouse_deadline limit =
        rouse_deadline(&rt->reactor, &waits.future, rouse_after(&rt->reactor, ROUSE_MS(ms)));

    return rouse_run(rt, &limit.future);
}

bool signals_comes(struct rouse *rt, int number)
{
    return result_within(rt, number, WORLD_SOON) == 0;
}

bool signals_silent(struct rouse *rt, int number)
{
    /* On a busy machine the time may be over before the runtime has looked even once. */
    if (rouse_turn(rt, 0) < 0)
        suite_error("the queue failed");
    return result_within(rt, number, WORLD_QUIET) == -ETIMEDOUT;
}
